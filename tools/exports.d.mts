export interface PublicExport {
  readonly name: string
  readonly kind: 'function' | 'class' | 'error' | 'type' | 'constant'
  /** File and line. */
  readonly place: string
  /** The docstring without its tags. */
  readonly text: string
  readonly examples: readonly string[]
  /** The errors that are thrown in it, and in the functions of its file that it calls. */
  readonly thrown: readonly string[]
  readonly hasTensors: boolean
  readonly members: readonly { readonly name: string; readonly text: string; readonly thrown: readonly string[] }[]
}

export function publicExports(): PublicExport[]
