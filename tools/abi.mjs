// Reads what assembly/index.ts exports, and prints what is made of it: the dispatcher `run` for threads, and the typed wrappers for src/.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'

/**
 * What a parameter is, by its name and its AssemblyScript type: the letter that stands for it in the traits, and its type in the wrappers. What has
 * an address and is not named here is an address of elements.
 */
const KINDS = {
  address: { letter: 'p', type: 'Address' },
  layout: { letter: 'l', type: 'Layout' },
  status: { letter: 's', type: 'Status' },
  key: { letter: 'k', type: 'Key' },
  stream: { letter: 'n', type: 'number' },
  real: { letter: 'f', type: 'Real' },
  count: { letter: 'i', type: 'number' },
}

/** Words of the descriptor, where arguments lie (`SCRATCH` in src/wasm/memory.ts). */
const WORDS = 160

function kindOf({ name, type }) {
  if (type === 'usize') return name === 'layout' || name === 'status' ? KINDS[name] : KINDS.address
  if (type === 'f32') return KINDS.real
  if (!/^[iu]32$|^bool$/.test(type)) throw new Error(`assembly: a kernel takes addresses, words and floats: ${name}: ${type}`)
  return name === 'key0' || name === 'key1' ? KINDS.key : name === 'stream' ? KINDS.stream : KINDS.count
}

/**
 * Every exported function: its parameters with their AssemblyScript types, and what its comment says of its cost. A kernel whose one parameter before
 * the range is an @unmanaged class of its file takes the fields of that, its `record`, by name.
 */
export function kernelsOf(entry) {
  const found = []
  const visit = (file, names) => {
    const text = readFileSync(file, 'utf8')
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
    const family = text.slice(0, source.statements[0]?.getStart() ?? 0)
    const familyCost = /@cost ([\d.]+)/.exec(family)?.[1]
    for (const statement of source.statements) {
      if (ts.isExportDeclaration(statement) && statement.moduleSpecifier) {
        const wanted = statement.exportClause?.elements.map(element => element.name.text)
        visit(join(dirname(file), `${statement.moduleSpecifier.text}.ts`), wanted)
      }
      const isExported = statement.modifiers?.some(modifier => modifier.kind === ts.SyntaxKind.ExportKeyword)
      if (!ts.isFunctionDeclaration(statement) || !isExported || statement.typeParameters) continue
      if (names && !names.includes(statement.name.text)) continue
      const comment = text.slice(statement.getFullStart(), statement.getStart())
      const parameters = statement.parameters.map(({ name, type }) => ({ name: name.getText(), type: type.getText() }))
      const isRanged = parameters.at(-2)?.name === 'begin' && parameters.at(-1)?.name === 'end'
      const own = isRanged ? parameters.slice(0, -2) : parameters
      const fields = isRanged && own.length === 1 ? fieldsOf(source, own[0].type) : undefined
      found.push({
        name: statement.name.text,
        parameters: fields ?? own,
        ...(fields && { record: own[0].type, file: relative(dirname(entry), file).replace(/\.ts$/, '') }),
        result: statement.type.getText(),
        isRanged,
        cost: /@cost ([\d.]+)/.exec(comment)?.[1] ?? familyCost,
        isInPlace: comment.includes('@inplace') || family.includes('@inplace'),
        isOver: comment.includes('@over') || family.includes('@over'),
      })
    }
  }
  visit(entry, undefined)
  return found
}

/** The fields of a class of a file, each of one word; undefined if there is no such class. */
function fieldsOf(source, name) {
  const record = source.statements.find(statement => ts.isClassDeclaration(statement) && statement.name.text === name)
  return record?.members.map(({ name: field, type }) => {
    if (type.getText() === 'bool') throw new Error(`assembly: a bool is no whole word of a record: ${name}.${field.getText()}`)
    return { name: field.getText(), type: type.getText() }
  })
}

/** Has a kernel a record, and none before it the same one? Several may share it. */
function isFirstOfRecord({ record }, i, ranged) {
  return record !== undefined && ranged.findIndex(other => other.record === record) === i
}

/** The dispatcher: calls kernel `id` with the arguments that lie as words in a descriptor. */
export function runSource(kernels) {
  const ranged = kernels.filter(kernel => kernel.isRanged)
  const argument = ({ type }, i) => (type === 'f32' ? `load<f32>(d, ${4 * i})` : `<${type}>load<i32>(d, ${4 * i})`)
  return [
    '// Made by tools/abi.mjs: one case a kernel, in the order of their names.',
    ...ranged.filter(isFirstOfRecord).map(({ record, file }) => `import { ${record} } from './${file}'`),
    "import * as kernels from './kernels'",
    '',
    '/** Kernels and callers that were built together have the same number. */',
    'export function abi(): i32 {',
    `  return ${abiOf(kernels)}`,
    '}',
    '',
    '/** Runs a range of a kernel whose arguments are the words at `d`. */',
    'export function run(id: i32, d: usize, begin: i32, end: i32): void {',
    '  switch (id) {',
    ...ranged.map(({ name, parameters, record }, id) => {
      const list = [...(record ? [`changetype<${record}>(d)`] : parameters.map(argument)), 'begin', 'end'].join(', ')
      return `    case ${id}: return kernels.${name}(${list})`
    }),
    '  }',
    '}',
    '',
  ].join('\n')
}

/** A number that stands for the names, the order and the parameters of the kernels. */
function abiOf(kernels) {
  return createHash('sha256').update(JSON.stringify(kernels)).digest().readInt32LE()
}

/** What the library has to know of a kernel by its number: the types of its parameters, and whether it reads what it writes. */
export function traitsSource(kernels) {
  const ranged = kernels.filter(kernel => kernel.isRanged)
  const ids = ranged.flatMap((kernel, id) => (kernel.isInPlace ? [id] : []))
  const letters = ranged.map(({ parameters, isOver }) =>
    parameters.map(parameter => (isOver && parameter.name === 'out' ? 'o' : kindOf(parameter).letter)).join(''),
  )
  const long = ranged.find(({ parameters }) => parameters.length > WORDS)
  if (long) throw new Error(`assembly: ${long.name} has more than ${WORDS} words`)
  const odd = letters.findIndex(each => /[kn]/.test(each.replace('kkn', '')) || /l.*l|s.*s/.test(each))
  if (odd >= 0)
    throw new Error(`assembly: ${ranged[odd].name}: key0, key1 and stream stand in this order; of layouts and status words there is one`)
  return [
    '// Made by tools/abi.mjs.',
    '/** The kernels marked @inplace, which cannot be done over. */',
    `export const inPlaceKernels: ReadonlySet<number> = new Set([${ids.join(', ')}])`,
    '/**',
    ' * The parameters of each kernel: p an address, o that of a result that may lie where an operand of its shape does (@over), l that of a layout, s that',
    ' * of a status word, i a whole number, f a float32, kkn the key and the number of a random stream.',
    ' */',
    `export const parametersOf: readonly string[] = '${letters.join(' ')}'.split(' ')`,
    '',
  ].join('\n')
}

/**
 * The wrappers: each calls its kernel directly below the grain, and hands the work to the threads above it. Arguments of a record are written as the
 * words that it is in either case.
 */
export function wrapperSource(kernels, exported) {
  const ranged = kernels.filter(kernel => kernel.isRanged)
  const range = [{ name: 'begin' }, { name: 'end' }]
  const raw = ({ parameters, isRanged, record }) => [...(record ? [{ name: 'record' }] : parameters), ...(isRanged ? range : [])]
  const typed = parameters => parameters.map(parameter => `${parameter.name}: ${kindOf(parameter).type}`)
  const listed = parameters => parameters.map(({ name }) => name)
  const resultOf = ({ result }) => (result === 'void' ? 'void' : 'number')
  const written = parameters =>
    parameters.map((parameter, i) => `  ${parameter.type === 'f32' ? 'f32' : 'words'}[at${i ? ` + ${i}` : ''}] = record.${parameter.name}`)
  return [
    '// Made by tools/abi.mjs from what assembly/index.ts exports. `units` is how many units of work there are, `work` how many elements (or',
    '// multiplications) a unit is.',
    `import type { ${['Address', 'Key', 'Layout', 'Real', 'Status'].join(', ')} } from './kinds.ts'`,
    "import { f32, i32, SCRATCH } from './memory.ts'",
    "import { wasm } from './module.ts'",
    "import { fork, grain } from './pool.ts'",
    "import { parametersOf } from './traits.generated.ts'",
    '',
    '/** What `abi()` of kernels that these wrappers may call gives. */',
    `export const ABI = ${abiOf(kernels)}`,
    '',
    '/** The functions as the module has them: all are numbers there. */',
    'export interface Kernels {',
    ...exported.map(
      kernel =>
        `  ${kernel.name}(${listed(raw(kernel))
          .map(name => `${name}: number`)
          .join(', ')}): ${resultOf(kernel)}`,
    ),
    '}',
    '',
    '/** Arguments are written here alone, and only for work above the grain: what stands in each wrapper is bytes of the bundle. */',
    'function forkOf(kernel: number, units: number, cost: number, ...words: readonly number[]): void {',
    '  const D = SCRATCH.descriptor >>> 2',
    '  const kinds = parametersOf[kernel]',
    "  for (let i = 0; i < words.length; i++) (kinds[i] === 'f' ? f32 : i32)[D + i] = words[i]",
    '  fork(kernel, units, cost)',
    '}',
    '',
    ...ranged.flatMap((kernel, id) => {
      const { name, parameters, cost, record } = kernel
      if (cost === undefined) throw new Error(`assembly: ${name} has no @cost, nor has its family`)
      const call = args => `  if (units * cost < grain) return void wasm.${name}(${[...args, '0', 'units'].join(', ')})`
      const given = record ? [`record: ${record}`] : typed(parameters)
      return [
        ...(isFirstOfRecord(kernel, id, ranged)
          ? [
              `/** The arguments of ${ranged.flatMap(other => (other.record === record ? [other.name] : [])).join(', ')}. */`,
              `export interface ${record} {`,
              ...typed(parameters).map(field => `  readonly ${field}`),
              '}',
              `/** Writes them as \`words\`, from word \`at\` on. */`,
              `export function write${record}(words: Int32Array, at: number, record: ${record}): void {`,
              ...written(parameters),
              '}',
            ]
          : []),
        `export function ${name}(${[...given, 'units: number', 'work = 1'].join(', ')}): void {`,
        `  const cost = ${cost} * work`,
        ...(record
          ? [`  write${record}(i32, SCRATCH.descriptor >>> 2, record)`, call(['SCRATCH.descriptor'])]
          : [call(listed(parameters))]),
        record ? `  fork(${id}, units, cost)` : `  forkOf(${[id, 'units', 'cost', ...listed(parameters)].join(', ')})`,
        '}',
      ]
    }),
    '',
  ].join('\n')
}
