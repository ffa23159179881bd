import { wasm } from '@rollup/plugin-wasm'
import dts from 'rollup-plugin-dts'
import esbuild from 'rollup-plugin-esbuild'
import { source } from './tools/source-plugin.mjs'

const plugins = minify => [
  source(),
  wasm({ sync: ['build/baseline.wasm', 'build/relaxed.wasm'], targetEnv: 'auto-inline' }),
  esbuild({ target: 'es2022', define: { __GUARD__: 'false' }, minify }),
]

export default [
  {
    input: { fluxtape: 'src/index.ts', datasets: 'src/datasets.ts' },
    plugins: plugins(false),
    output: { dir: 'dist', format: 'es', entryFileNames: '[name].js', chunkFileNames: 'core.js', sourcemap: false },
  },
  { input: 'src/index.ts', plugins: plugins(true), output: { file: 'dist/fluxtape.global.js', format: 'umd', name: 'fluxtape' } },
  {
    input: { fluxtape: 'src/index.ts', datasets: 'src/datasets.ts' },
    plugins: [dts()],
    output: { dir: 'dist', format: 'es', chunkFileNames: 'core.d.ts' },
  },
]
