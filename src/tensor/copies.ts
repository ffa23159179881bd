// Two copies of the library in one program have each its own memory, so that the tensors of one are none to the other: the second says so.
const registry = globalThis as { [COPIES]?: string[] }
const COPIES: unique symbol = Symbol.for('fluxtape.copies')

registry[COPIES] ??= []
const copies = registry[COPIES]
copies.push(__VERSION__)
if (copies.length === 2) {
  console.warn(
    `fluxtape: two copies are loaded, ${copies.join(' and ')}; neither can use the tensors of the other. Import it from one place: npm ls fluxtape.`,
  )
}
