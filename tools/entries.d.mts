/** What a program can import of the package; entries.mjs says what each field is. */
export interface Entry {
  readonly subpath: string
  readonly file: string
  readonly source: string
  readonly api?: string
  readonly library?: string
  readonly types?: string
  readonly typesOf?: string
  readonly global?: { readonly file: string; readonly name: string; readonly format: string }
  readonly limit?: number
}

export const ENTRIES: readonly Entry[]
export const SOURCES: readonly Entry[]
export const ASSETS: readonly string[]
export const BUILT: readonly string[]
export const EXPORTS: Readonly<Record<string, unknown>>
export const HELLO: number
export function specifier(entry: Entry): string
