/** To be called between steps: a promise when it is time to breathe. Throws the signal's reason if it was aborted. */
export function breather(signal: AbortSignal | undefined): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    signal?.throwIfAborted()
    if (performance.now() - last <= breath()) return undefined
    return breathe().then(() => {
      last = performance.now()
    })
  }
}

/** How long training may hold the event loop, in milliseconds: a frame where a page is seen, else long enough to cost nothing. */
function breath(): number {
  const { document } = globalThis as { document?: { visibilityState?: string } }
  return document?.visibilityState === 'visible' ? 12 : 100
}

/** Lets everything else that waits run: timers, input, drawing. Unlike a timer it does not wait itself. */
function breathe(): Promise<void> {
  const { setImmediate } = globalThis as { setImmediate?: (f: () => void) => void }
  if (setImmediate) return new Promise(resolve => setImmediate(resolve))
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
