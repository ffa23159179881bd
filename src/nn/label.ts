/** What a layer's line says of it: its name and the text of its arguments. */
export const LABEL: unique symbol = Symbol.for('fluxtape.label')

/** The fields of a layer whose links it prints, functions among them. */
export const LINES: unique symbol = Symbol.for('fluxtape.lines')

/** Is it a layer made by `layer`? */
export function isLayer(value: unknown): value is ((...inputs: unknown[]) => unknown) & { readonly [LABEL]: string } {
  return typeof value === 'function' && LABEL in value
}
