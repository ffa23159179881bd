// What a program can import of the package: one row each, from which the bundles, their types, package.json's exports, the sizes, the documented
// names and the tests' aliases follow.

const KB = 1000

/**
 * - `subpath` and `file`: what is imported, and the bundle in dist/ that is then loaded.
 * - `source`: what is bundled; `api`: where its public names stand, if not there.
 * - `library`: the entry that has everything but the row's own.
 * - `types`: the declarations in dist/, those of `typesOf` where they are the same.
 * - `global`: the same for script tags, a file of its own, and the name that it makes.
 * - `limit`: the most gzipped bytes of each file. The datasets, which are data, have none.
 */
export const ENTRIES = [
  {
    subpath: '.',
    file: 'fluxtape.js',
    source: 'src/fluxtape.ts',
    api: 'src/index.ts',
    types: 'fluxtape.d.ts',
    global: { file: 'fluxtape.global.js', name: 'fluxtape', format: 'umd' },
    limit: 190 * KB,
  },
  { subpath: './edge', file: 'edge.js', source: 'src/edge.ts', types: 'edge.d.ts', limit: 152 * KB },
  {
    subpath: './datasets',
    file: 'datasets.js',
    source: 'src/datasets.ts',
    library: 'fluxtape.js',
    types: 'datasets.d.ts',
    global: { file: 'datasets.global.js', name: 'fluxtape.datasets', format: 'iife' },
  },
  {
    subpath: './worker',
    file: 'in-worker.js',
    source: 'src/in-worker.ts',
    library: 'fluxtape.js',
    types: 'in-worker.d.ts',
    limit: 7 * KB,
  },
  { subpath: './mpi', file: 'mpi.js', source: 'src/mpi.ts', library: 'fluxtape.js', types: 'mpi.d.ts', limit: 11 * KB },
  { subpath: './wide', file: 'wide.js', source: 'src/wide.ts', library: 'fluxtape.js', types: 'wide.d.ts', limit: 3 * KB },
  { subpath: './edge/worker', file: 'edge-in-worker.js', source: 'src/in-worker.ts', library: 'edge.js', typesOf: 'in-worker.d.ts' },
  { subpath: './edge/datasets', file: 'edge-datasets.js', source: 'src/datasets.ts', library: 'edge.js', typesOf: 'datasets.d.ts' },
]

/** Files of the package that are no modules of the library. */
export const ASSETS = ['baseline.wasm', 'relaxed.wasm', 'worker.js']

/** The most gzipped bytes of a program that has one Dense. */
export const HELLO = 92 * KB

/** Everything that a build writes. */
export const BUILT = [...ENTRIES.flatMap(({ file, types, global }) => [file, types, global?.file]).filter(Boolean), ...ASSETS].sort()

/** package.json's exports. */
export const EXPORTS = Object.fromEntries([
  ...ENTRIES.map(({ subpath, file, types, typesOf }) => [subpath, { types: `./dist/${types ?? typesOf}`, default: `./dist/${file}` }]),
  ...ASSETS.map(file => [`./${file}`, `./dist/${file}`]),
  ['./package.json', './package.json'],
])

/** What is imported of an entry: `fluxtape/edge`. */
export const specifier = ({ subpath }) => `fluxtape${subpath.slice(1)}`

/** Each source once, with the entry that has its types. */
export const SOURCES = ENTRIES.filter(({ types }) => types)
