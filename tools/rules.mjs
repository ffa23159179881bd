// Reads assembly/optimizer.ts and prints what is made of it: a kernel for each rule, which runs it over all parameters of a step, and for src/
// the names of its slots and numbers.
import { readFileSync } from 'node:fs'
import ts from 'typescript'

/** Slots of a rule at most, and the words of a kernel's record for one parameter. */
const SLOTS = 3
const RECORD = 6 + SLOTS

/** What the loops around a rule have at hand for it, by name. */
const GIVEN = { x: 'vx', g: 'vg', exponent: 'exponent' }

/** Every method of the class Rules: its slots and its numbers, by name, and what it is called with. */
export function rulesOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const { members } = source.statements.find(statement => ts.isClassDeclaration(statement) && statement.name.text === 'Rules')
  return members.map(({ name, parameters }) => {
    const all = parameters.map(each => ({ name: each.name.text, isSlot: each.type.getText() === 'usize' }))
    const own = all.filter(each => !(each.name in GIVEN))
    const slots = own.filter(each => each.isSlot).map(each => each.name)
    const numbers = own.filter(each => !each.isSlot).map(each => each.name)
    if (slots.length > SLOTS) throw new Error(`${file}: ${name.text} has more than ${SLOTS} slots`)
    return { name: name.text, slots, numbers, args: all.map(each => GIVEN[each.name] ?? (each.isSlot ? `${each.name} + i` : each.name)) }
  })
}

/** The kernels. */
export function rulesSource(rules) {
  return [
    '// Made by tools/rules.mjs: one kernel a rule, all parameters of a step in one call.',
    '//',
    `// \`segments\` points to a record of ${RECORD} words for each parameter: the addresses of x, of its step so far g, of the result, and of ${SLOTS} slots; the`,
    '// number of elements, and how many elements the records before it hold; the address of the numbers, which are float32: a factor of g, then',
    '// those of the rule. The step goes to the result; where that is null, it is subtracted from x. `begin` and `end` count elements over all',
    '// segments.',
    '// @inplace: a chunk cannot be done over.',
    '// @cost 0.6: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.',
    "import { EXPONENT, Lanes, Rules } from './optimizer'",
    ...rules.flatMap(({ name, slots, numbers, args }) => {
      const step = lanes => `Rules.${name}<${lanes}>(${args.join(', ')})`
      const body = lanes => [
        `    const vx = Lanes.load<${lanes}>(x + i)`,
        `    const vg = f32x4.mul(Lanes.load<${lanes}>(g + i), factor)`,
        `    const step = ${step(lanes)}`,
        `    Lanes.store<${lanes}>(target + i, out ? step : f32x4.sub(vx, step))`,
      ]
      return [
        '',
        `export function ${name}(segments: usize, count: i32, begin: i32, end: i32): void {`,
        '  for (let k = 0; k < count; k++) {',
        `    const record = segments + <usize>k * ${4 * RECORD}`,
        `    const before = load<i32>(record, ${4 * (4 + SLOTS)})`,
        '    const from = max(begin - before, 0)',
        `    const to = min(end - before, load<i32>(record, ${4 * (3 + SLOTS)}))`,
        `    if (from < to) ${name}Segment(record, (<usize>from) << 2, (<usize>to) << 2)`,
        '  }',
        '}',
        '',
        `function ${name}Segment(record: usize, from: usize, to: usize): void {`,
        '  const x = load<usize>(record)',
        '  const g = load<usize>(record, 4)',
        '  const out = load<usize>(record, 8)',
        '  const target = out ? out : x',
        ...slots.map((slot, i) => `  const ${slot} = load<usize>(record, ${12 + 4 * i})`),
        `  const numbers = load<usize>(record, ${4 * (RECORD - 1)})`,
        '  // They stay in registers: loaded at each use, they were two thirds of all loads.',
        ...['factor', ...numbers].map((number, i) => `  const ${number} = v128.load32_splat(numbers, ${4 * i})`),
        ...(args.includes('exponent') ? ['  const exponent = v128.load(EXPONENT)'] : []),
        '  let i = from',
        '  for (; i + 16 <= to; i += 16) {',
        ...body('v128'),
        '  }',
        '  for (; i < to; i += 4) {',
        ...body('f32'),
        '  }',
        '}',
      ]
    }),
    '',
  ].join('\n')
}

/** The kernels with the names of their slots and numbers, for src/. */
export function ruleNamesSource(rules) {
  const list = names => `[${names.map(name => `'${name}'`).join(', ')}]`
  return [
    '// Made by tools/rules.mjs: the kernels of rules, and the names of their slots and numbers.',
    "import * as kernels from './kernels.generated.ts'",
    '',
    '/** Words of a record for one parameter, of which the slots begin at the fourth. */',
    `export const RECORD = { words: ${RECORD}, slots: ${SLOTS} }`,
    '',
    ...rules.map(
      ({ name, slots, numbers }) =>
        `export const ${name} = { run: kernels.${name}, slots: ${list(slots)}, numbers: ${list(numbers)} } as const`,
    ),
    '',
  ].join('\n')
}
