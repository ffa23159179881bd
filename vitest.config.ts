import { wasm } from '@rollup/plugin-wasm'
import { defineConfig } from 'vitest/config'
import { source } from './tools/source-plugin.mjs'

/** The same tests run on the sources and, with FLUXTAPE_DIST set, on the built bundle. */
const onDist = process.env.FLUXTAPE_DIST !== undefined
const entry = (name: string) => new URL(onDist ? `./dist/${name}.js` : `./src/${name}.ts`, import.meta.url).pathname
/** Node 20 has the relaxed instructions behind a flag that newer ones refuse. */
const relaxedFlag = process.versions.node.startsWith('20.') ? ['--experimental-wasm-relaxed-simd'] : []

/** What does not depend on how the kernels round is tried with one variant alone. */
const variantless = [
  ...['docs', 'io', 'data', 'datasets', 'errors', 'memory', 'params'].map(folder => `test/${folder}/**`),
  ...['allocator', 'collector', 'gemm-plan', 'guard', 'pool-faults', 'sizes'].map(name => `test/internal/${name}.test.ts`),
]

const project = (variant: 'relaxed' | 'baseline') => ({
  extends: true as const,
  test: {
    name: variant,
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', ...(onDist ? ['test/internal/**'] : []), ...(variant === 'baseline' ? variantless : [])],
    setupFiles: ['test/setup.ts'],
    env: { FLUXTAPE_VARIANT: variant },
    execArgv: ['--expose-gc', ...(variant === 'relaxed' ? relaxedFlag : [])],
  },
})

export default defineConfig({
  plugins: [source(), { ...wasm({ sync: ['build/baseline.wasm', 'build/relaxed.wasm'], targetEnv: 'auto-inline' }), enforce: 'pre' }],
  define: { __GUARD__: String(!onDist), __VERSION__: '"0.0.0"' },
  resolve: {
    alias: [
      { find: /^fluxtape$/, replacement: entry('fluxtape') },
      { find: /^fluxtape\/(datasets|edge)$/, replacement: entry('$1') },
    ],
  },
  // Vitest leaves one processor idle, which is half of two.
  test: {
    pool: 'forks',
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [project('relaxed'), project('baseline')],
  },
})
