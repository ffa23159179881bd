/** In a process that files share, what the garbage collector finds is freed between two files, never in the middle of a test that counts. */
const found: (() => void)[] = []

if (!process.env.FLUXTAPE_ALONE) {
  const { FinalizationRegistry } = globalThis
  globalThis.FinalizationRegistry = class<Held> extends FinalizationRegistry<Held> {
    constructor(free: (held: Held) => void) {
      super(held => void found.push(() => free(held)))
    }
  }
}

/** Now and then, since it takes a tenth of a second. */
const EACH = 8
const g = globalThis as { files?: number }

/** Frees what earlier files dropped. */
export async function finalized(): Promise<void> {
  g.files = (g.files ?? 0) + 1
  if (process.env.FLUXTAPE_ALONE || g.files % EACH === 0) globalThis.gc?.()
  await new Promise(resolve => setTimeout(resolve))
  for (const free of found.splice(0)) free()
}
