/** How long training may hold the event loop, in milliseconds: a frame where a page is seen, else long enough to cost nothing. */
export function breath(): number {
  const { document } = globalThis as { document?: { visibilityState?: string } }
  return document?.visibilityState === 'visible' ? 12 : 100
}

/** Lets everything else that waits run: timers, input, drawing. Unlike a timer it does not wait itself. */
export function breathe(): Promise<void> {
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
