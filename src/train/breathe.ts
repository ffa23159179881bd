/**
 * To be called between steps: a promise when it is time to breathe, after `interval` milliseconds or as suits the page. Throws the signal's
 * reason if it was aborted.
 */
export function breather(signal: AbortSignal | undefined, interval?: number): () => Promise<void> | undefined {
  let last = performance.now()
  return () => {
    signal?.throwIfAborted()
    if (performance.now() - last <= (interval ?? (isSeen() ? FRAME : UNSEEN))) return undefined
    return breathe().then(() => {
      last = performance.now()
    })
  }
}

// How long training may hold the event loop, in milliseconds: a frame at 60 Hz, so that the next one is due when it lets go; where nobody
// looks, long enough to cost nothing.
const FRAME = 16
const UNSEEN = 100
/** How long it waits for a frame. One that is late (30 Hz, or a frame off the screen, which has none) must not hold training up. */
const LATE = 5

interface Page {
  readonly document?: { readonly visibilityState?: string }
  readonly requestAnimationFrame?: (f: () => void) => number
  readonly cancelAnimationFrame?: (id: number) => void
}

function isSeen(): boolean {
  return (globalThis as Page).document?.visibilityState === 'visible'
}

/**
 * Lets everything else that waits run: timers, input, drawing.
 *
 * A page that is seen waits for its frame, then for a message, since the drawing itself comes after the frame's callbacks. Measured with
 * steps of 0.05 and 3 ms in Chromium 156 and Firefox 153, drawn by software on two cores: a frame every 17 to 19 ms (95 % within 20), a
 * click answered after 7 to 12, at 96 % of the steps of a page that breathes every 100 ms; steps of 30 ms: a frame each, 94 %. WebKitGTK
 * 2.50 has the same frames, at 75 to 96 %. Messages alone, every 12 ms, starve drawing in Firefox (a frame every 77 ms), for hardly more
 * steps; timers wait 4 ms (75 %); while scheduler.yield() is used no timer fires in Chromium and Firefox.
 */
function breathe(): Promise<void> {
  return isSeen() ? frame().then(turn) : turn()
}

/** The next frame, if it comes soon: in a page that is hidden meanwhile it does not come. */
function frame(): Promise<void> {
  const { requestAnimationFrame, cancelAnimationFrame } = globalThis as Page
  if (!requestAnimationFrame) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      clearTimeout(timer)
      cancelAnimationFrame?.(id)
      resolve()
    }
    const timer = setTimeout(done, LATE)
    const id = requestAnimationFrame(done)
  })
}

/** A turn of the event loop; unlike a timer it does not wait itself. */
export function turn(): Promise<void> {
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
