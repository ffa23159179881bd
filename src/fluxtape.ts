// The library with the kernels inlined: what `import 'fluxtape'` gives.
import './wasm/inlined.ts'

export * from './index.ts'
