import { wasm } from '@rollup/plugin-wasm'
import { defineConfig } from 'vitest/config'
import { ENTRIES, specifier } from './tools/entries.mjs'
import { source } from './tools/source-plugin.mjs'

/** The same tests run on the sources and, with FLUXTAPE_DIST set, on the built bundle. */
const onDist = process.env.FLUXTAPE_DIST !== undefined
/** `npm run nightly` tries everything with both variants. */
const nightly = process.env.FLUXTAPE_NIGHTLY !== undefined
const alias = ENTRIES.map(entry => ({
  find: new RegExp(`^${specifier(entry)}$`),
  replacement: new URL(onDist ? `./dist/${entry.file}` : entry.source, import.meta.url).pathname,
}))
/** FLUXTAPE_WIDE=1 has products in the tiles for wide vectors; v8 has V8 make them wide, too. */
const wideFlag = process.env.FLUXTAPE_WIDE === 'v8' ? ['--experimental-wasm-revectorize'] : []
/** Node 20 has the relaxed instructions behind a flag that newer ones refuse. */
const relaxedFlag = process.versions.node.startsWith('20.') ? ['--experimental-wasm-relaxed-simd'] : []

/** The tests of some folders, or of some files of a folder. */
const folders = (...names: string[]) => names.map(name => `test/${name}/**/*.test.ts`)
const files = (folder: string, ...names: string[]) => names.map(name => `test/${folder}/${name}.test.ts`)

/** What does not depend on how the kernels round is tried with one variant, and with both at night. */
const variantless = nightly
  ? []
  : [
      ...folders('docs', 'io', 'data', 'datasets', 'errors', 'gradients', 'memory', 'params', 'tape', 'training', 'worker'),
      ...files('internal', 'allocator', 'along', 'collector', 'coverage', 'failure', 'gemm-plan', 'guard', 'large', 'methods', 'mutation'),
      ...files('internal', 'pool', 'pool-faults', 'run', 'sizes', 'state'),
      ...folders('threads'),
      ...files('nn', 'chain', 'composing', 'embedding', 'generate', 'layer', 'print', 'recurrent'),
      ...files('optimizers', 'hyper', 'own-rule', 'state'),
      ...files('tensor', 'javascript', 'print', 'realms', 'rows'),
      ...files('train', 'batches', 'breathe', 'callbacks', 'checkpoint', 'checkpoint-disk', 'checkpoint-hostile', 'checkpoint-runs', 'day'),
      ...files(
        'train',
        'early-stopping',
        'log',
        'measures',
        'plateau',
        'remembered',
        'effects-jit',
        'errors',
        'extras',
        'interleaving',
        'iteration',
        'jit',
      ),
      ...files('train', 'jit-inputs', 'progress', 'throttle', 'untrained', 'validation'),
    ]

/** What counts threads, tensors, bytes, operations or what was never done before gets a process of its own; the others have one after another in one. */
const alone = [
  'test/edge.test.ts',
  ...files('tensor', 'variants'),
  ...files('docs', 'snippets'),
  ...folders('memory', 'threads'),
  ...files('internal', 'allocator', 'collector', 'coverage', 'guard', 'kernels', 'large', 'mutation', 'pool', 'pool-faults'),
]

/** On the bundle: bundling cannot change numerics, and what looks inside has no inside to look at. */
const onSources = onDist ? folders('internal', 'oracle', 'gradients', 'properties') : []

const project = (variant: 'relaxed' | 'baseline', isolate: boolean) => ({
  extends: true as const,
  test: {
    name: isolate ? `${variant}-alone` : variant,
    include: isolate ? alone : ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...onSources, ...(variant === 'baseline' ? variantless : []), ...(isolate ? [] : alone)],
    setupFiles: ['test/setup.ts'],
    env: { FLUXTAPE_VARIANT: variant, ...(isolate && { FLUXTAPE_ALONE: '1' }) },
    execArgv: ['--expose-gc', ...wideFlag, ...(variant === 'relaxed' ? relaxedFlag : [])],
    isolate,
  },
})

export default defineConfig({
  plugins: [source(), { ...wasm({ sync: ['build/baseline.wasm', 'build/relaxed.wasm'], targetEnv: 'auto-inline' }), enforce: 'pre' }],
  define: { __GUARD__: String(!onDist), __VERSION__: '"0.0.0"' },
  resolve: {
    alias,
  },
  // Vitest leaves one processor idle, which is half of two.
  test: {
    pool: 'forks',
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: (onDist ? (['relaxed'] as const) : (['relaxed', 'baseline'] as const)).flatMap(variant => [
      project(variant, false),
      project(variant, true),
    ]),
  },
})
