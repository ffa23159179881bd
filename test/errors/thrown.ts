import { FluxtapeError } from 'fluxtape'

/** What a call throws, whole: `ShapeError: matmul: ...`; for one of the library's own errors its class is checked to be the named one. */
export function thrown(f: () => unknown): string {
  try {
    f()
  } catch (error) {
    return describe(error)
  }
  return 'nothing was thrown'
}

/** What a promise is rejected with. */
export async function rejected(f: () => PromiseLike<unknown>): Promise<string> {
  try {
    await f()
  } catch (error) {
    return describe(error)
  }
  return 'nothing was thrown'
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return `no error: ${String(error)}`
  const { name, message, constructor } = error
  // Bundlers rename classes, so that only the name is compared where the class is the library's.
  const kind = error instanceof FluxtapeError ? name : constructor.name
  return `${kind}: ${message}`
}
