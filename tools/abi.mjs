// Reads what assembly/index.ts exports, and prints what is made of it: the dispatcher `run` for threads, and the typed wrappers for src/.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/** Every exported function: its parameters with their AssemblyScript types, and what its comment says of its cost. */
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
      found.push({
        name: statement.name.text,
        parameters: isRanged ? parameters.slice(0, -2) : parameters,
        result: statement.type.getText(),
        isRanged,
        cost: /@cost ([\d.]+)/.exec(comment)?.[1] ?? familyCost,
        isInPlace: comment.includes('@inplace') || family.includes('@inplace'),
      })
    }
  }
  visit(entry, undefined)
  return found
}

/** The dispatcher: calls kernel `id` with the arguments that lie as words in a descriptor. */
export function runSource(kernels) {
  const ranged = kernels.filter(kernel => kernel.isRanged)
  const argument = ({ type }, i) => (type === 'f32' ? `load<f32>(d, ${4 * i})` : `<${type}>load<i32>(d, ${4 * i})`)
  return [
    '// Made by tools/abi.mjs: one case a kernel, in the order of their names.',
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
    ...ranged.map(({ name, parameters }, id) => {
      const list = [...parameters.map(argument), 'begin', 'end'].join(', ')
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
  const random = ['key0', 'key1', 'stream']
  const letters = ranged.map(({ parameters }) =>
    parameters.map(({ name, type }) => (type === 'usize' ? 'p' : type === 'f32' ? 'f' : random.includes(name) ? 'r' : 'i')).join(''),
  )
  return [
    '// Made by tools/abi.mjs.',
    '/** The kernels marked @inplace, which cannot be done over. */',
    `export const inPlaceKernels: ReadonlySet<number> = new Set([${ids.join(', ')}])`,
    '/** The parameters of each kernel: p an address, i a whole number, f a float32, rrr the key and the number of a random stream. */',
    `export const parametersOf: readonly string[] = '${letters.join(' ')}'.split(' ')`,
    '',
  ].join('\n')
}

/** The wrappers: each calls its kernel directly below the grain, and hands the work to the threads above it. */
export function wrapperSource(kernels, exported) {
  const ranged = kernels.filter(kernel => kernel.isRanged)
  const typed = parameters => parameters.map(({ name }) => `${name}: number`)
  const listed = parameters => parameters.map(({ name }) => name)
  const resultOf = ({ result }) => (result === 'void' ? 'void' : 'number')
  return [
    '// Made by tools/abi.mjs from what assembly/index.ts exports. `units` is how many units of work there are, `work` how many elements (or',
    '// multiplications) a unit is.',
    "import { f32, i32, SCRATCH } from './memory.ts'",
    "import { wasm } from './module.ts'",
    "import { fork, grain } from './pool.ts'",
    '',
    '/** What `abi()` of kernels that these wrappers may call gives. */',
    `export const ABI = ${abiOf(kernels)}`,
    '',
    'export interface Kernels {',
    ...exported.map(
      kernel =>
        `  ${kernel.name}(${typed(kernel.isRanged ? [...kernel.parameters, { name: 'begin' }, { name: 'end' }] : kernel.parameters).join(', ')}): ${resultOf(kernel)}`,
    ),
    '}',
    '',
    ...ranged.flatMap((kernel, id) => {
      const { name, parameters, cost } = kernel
      if (cost === undefined) throw new Error(`assembly: ${name} has no @cost, nor has its family`)
      return [
        `export function ${name}(${[...typed(parameters), 'units: number', 'work = 1'].join(', ')}): void {`,
        `  const cost = ${cost} * work`,
        `  if (units * cost < grain) return void wasm.${name}(${[...listed(parameters), '0', 'units'].join(', ')})`,
        '  const D = SCRATCH.descriptor >>> 2',
        ...parameters.map((parameter, i) => `  ${parameter.type === 'f32' ? 'f32' : 'i32'}[D${i ? ` + ${i}` : ''}] = ${parameter.name}`),
        `  fork(${id}, units, cost)`,
        '}',
      ]
    }),
    '',
  ].join('\n')
}
