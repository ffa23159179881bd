/** True in the test build: red zones around every block of memory, checked after every operation. */
declare const __GUARD__: boolean
/** The package's version. */
declare const __VERSION__: string

declare module '*.wasm' {
  /** Compiles the inlined module, synchronously. */
  const compile: () => WebAssembly.Module
  export default compile
}

declare module '*?source' {
  /** The file, bundled and minified. */
  const text: string
  export default text
}
