export interface PublicExport {
  readonly name: string
  readonly kind: 'function' | 'class' | 'error' | 'type' | 'constant'
  /** File and line. */
  readonly place: string
  /** The docstring without its tags. */
  readonly text: string
  /** How it is called, or made, each way; empty for what is neither. */
  readonly signatures: readonly string[]
  /** An interface as it is declared. */
  readonly source: string
  readonly examples: readonly string[]
  /** The errors that are thrown in it, and in the functions of its file that it calls. */
  readonly thrown: readonly string[]
  readonly hasTensors: boolean
  readonly members: readonly {
    readonly name: string
    readonly text: string
    readonly signatures: readonly string[]
    readonly thrown: readonly string[]
  }[]
}

export function publicExports(): PublicExport[]
export function publicExamples(): Pick<PublicExport, 'name' | 'place' | 'examples'>[]
