import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

const PROGRAMS = 'test/package/programs'
/** By the names under which test/package installs them. */
const COMPILERS = { 'TypeScript 5.7': 'typescript57', 'TypeScript 6.0': 'typescript60', 'TypeScript 7.0': 'typescript70' }
/** As bundlers and as Node resolve. */
const RESOLUTIONS = {
  bundler: { module: 'esnext', moduleResolution: 'bundler' },
  nodenext: { module: 'nodenext', moduleResolution: 'nodenext' },
}
/** Strict, declarations made, and nothing skipped: the packed declarations are compiled themselves. */
const OPTIONS = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  declaration: true,
  emitDeclarationOnly: true,
  skipDefaultLibCheck: true,
  target: 'es2022',
  lib: ['es2022', 'esnext.disposable', 'dom'],
  types: [],
}
/** Declared, but named by nobody outside: how tensors get their methods and their memory. */
const INTERNAL = [
  'Address',
  'Answer',
  'AnyOf',
  'AsMethods',
  'Attended',
  'BatchFrom',
  'Betas',
  'CellLayer',
  'Fields',
  'GRUFields',
  'GRUv3Fields',
  'Given',
  'HasPromise',
  'Indexed',
  'Indexing',
  'IsLater',
  'IsList',
  'IsStream',
  'Joining',
  'Keeping',
  'LSTMFields',
  'LevelOf',
  'Mapped',
  'Methods',
  'Model',
  'Movement',
  'NoTensor',
  'NormFields',
  'Numbers',
  'OneOf',
  'NumberArray',
  'Owned',
  'Pair',
  'PartOf',
  'RNNFields',
  'Recipe',
  'Results',
  'SequenceLayer',
  'Shuffle',
  'StatsFields',
  'Storage',
  'Waits',
  'Without',
  'WorkerLike',
]

/**
 * Compiles the programs against the packed declarations, with every compiler. A line of a program that must not compile ends in
 * `// error 2345 at text`: the error's code, and the text of the line at which it is reported. All other lines compile.
 */
export async function typesServe(scratch, tarball) {
  const folder = join(scratch, 'types')
  const installed = join(folder, 'node_modules/fluxtape')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const names = readdirSync(PROGRAMS).filter(name => name.endsWith('.ts'))
  for (const name of names) cpSync(join(PROGRAMS, name), join(folder, name))
  const expected = names.flatMap(expectations)
  const runs = Object.entries(COMPILERS).flatMap(([compiler, name]) =>
    Object.entries(RESOLUTIONS).map(async ([resolution, how]) => {
      const project = join(folder, `${name}-${resolution}.json`)
      const compilerOptions = { ...OPTIONS, ...how, outDir: join(folder, 'declarations', name, resolution), rootDir: folder }
      writeFileSync(project, JSON.stringify({ compilerOptions, files: names }))
      return [`${compiler} (${resolution})`, differences(expected, await compile(name, project))]
    }),
  )
  const found = await Promise.all(runs)
  const problems = [...new Set(found.flatMap(([, own]) => own))]
  const places = problem => found.filter(([, own]) => own.includes(problem)).map(([where]) => where)
  if (problems.length > 0) throw new Error(problems.map(problem => `${problem}\n  in ${places(problem).join(', ')}`).join('\n'))
  return `${names.length} programs, ${expected.length} errors in them, ${runs.length} compilations`
}

/** Whoever writes a type down, or has the compiler write it, needs its name. */
export function typesHaveNames() {
  const nameless = readdirSync('dist')
    .filter(name => name.endsWith('.d.ts'))
    .flatMap(file => {
      const text = readFileSync(join('dist', file), 'utf8')
      const exported = new Set(
        Array.from(text.matchAll(/^export (?:type )?\{(.*)\}/gm), ([, list]) =>
          list.split(',').map(name => name.trim().replace(/^type /, '')),
        ).flat(),
      )
      const declared = Array.from(
        text.matchAll(/^(?:declare )?(?:abstract )?(?:interface|type|class) (\w+)\b(?! = \w+;$)/gm),
        ([, name]) => name,
      )
      return declared.filter(name => !exported.has(name) && !INTERNAL.includes(name))
    })
  if (nameless.length > 0) throw new Error(`${nameless.join(', ')}: export them from src/index.ts, as types`)
}

/** The errors that a program states, as compilers report them. */
function expectations(name) {
  const lines = readFileSync(join(PROGRAMS, name), 'utf8').split('\n')
  return lines.flatMap((line, i) => {
    const [, code, text] = line.match(/ \/\/ error (\d+) at (.+)$/) ?? []
    if (!code) return []
    const column = line.indexOf(text)
    if (column > line.indexOf(' // error ')) throw new Error(`${name}:${i + 1}: '${text}' is not in the line`)
    return [{ place: `${name}(${i + 1},${column + 1})`, code, message: `${line.trim()}` }]
  })
}

function differences(expected, found) {
  const same = a => b => a.place === b.place && a.code === b.code
  return [
    ...expected.filter(each => !found.some(same(each))).map(({ place, message }) => `${place} compiles, or fails elsewhere: ${message}`),
    ...found.filter(each => !expected.some(same(each))).map(({ place, code, message }) => `${place} TS${code}: ${message}`),
  ]
}

/** The errors of a compilation. */
function compile(compiler, project) {
  const tsc = resolve('test/package/node_modules', compiler, 'bin/tsc')
  if (!existsSync(tsc)) throw new Error(`${tsc} is not there: npm install --prefix test/package --no-package-lock --ignore-scripts`)
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [tsc, '-p', project, '--pretty', 'false'],
      { cwd: join(project, '..'), maxBuffer: 2 ** 24 },
      (error, out) => {
        const lines = out.split('\n')
        const found = lines.flatMap((line, i) => {
          const [, file, place, code, text] = line.match(/^(.+?)(\(\d+,\d+\)): error TS(\d+): (.*)/) ?? []
          if (!file) return []
          const more = lines.slice(i + 1).findIndex(each => !each.startsWith(' '))
          return [{ place: basename(file) + place, code, message: [text, ...lines.slice(i + 1, i + 1 + more)].join('\n') }]
        })
        if (error && found.length === 0) fail(new Error(`${compiler}: ${out || error.message}`))
        else done(found)
      },
    )
  })
}
