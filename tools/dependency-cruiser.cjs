// Holds the order of the house: imports run downwards only, and never in a circle. Types alone may look up (Tensor's methods).
const rooms = [
  ['errors', '^src/(errors|words)\\.ts$'],
  ['wasm', '^src/wasm/'],
  ['tensor', '^src/tensor/'],
  ['params', '^src/params/'],
  ['tape', '^src/tape/'],
  ['ops', '^src/ops/'],
  ['autodiff', '^src/autodiff/'],
  ['optimizers and io', '^src/(optimizers|io)/'],
  ['nn, train, data and datasets', '^src/(nn|train|data|datasets)/'],
  ['configure', '^src/configure\\.ts$'],
  ['remote and mpi', '^src/(remote|mpi)/'],
  ['entries', '^src/(?!configure)[^/]+\\.ts$'],
]
const upward = rooms.slice(0, -1).map(([name, path], i) => ({
  name: `${name} imports nothing from above`,
  severity: 'error',
  from: { path },
  to: { path: rooms.slice(i + 1).map(([, above]) => above), pathNot: '^src/(errors|words)\\.ts$', dependencyTypesNot: ['type-only'] },
}))

/** Within ops: each family may use those before it. */
const families = [
  'fusion',
  'reduction',
  'movement',
  'elementwise',
  'pointwise',
  'joining',
  'reduce',
  'indexing',
  'matmul',
  'softmax',
  'cross-entropy',
  'javascript',
  'methods',
]
const withinOps = families.slice(0, -1).map((family, i) => ({
  name: `ops/${family} imports no family above it`,
  severity: 'error',
  from: { path: `^src/ops/${family}\\.ts$` },
  to: { path: families.slice(i + 1).map(above => `^src/ops/${above}\\.ts$`), dependencyTypesNot: ['type-only'] },
}))

module.exports = {
  forbidden: [
    { name: 'no circles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    {
      name: 'only the public entry re-exports the library',
      severity: 'error',
      from: { path: '^src/.+/' },
      to: { path: '^src/index\\.ts$' },
    },
    ...upward,
    ...withinOps,
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts'] },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.wasm$' },
  },
}
