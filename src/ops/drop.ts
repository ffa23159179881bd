import { operation, type Run } from '../tape/operation.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import type { Key, Real } from '../wasm/kinds.ts'

/** What decides what is dropped. */
export interface Draw {
  readonly p: number
  readonly key: readonly [number, number]
  readonly stream: number
}

/** What kept entries are multiplied by, so that the mean stays. */
export function keptScale(p: number): Real {
  return (p === 1 ? 0 : 1 / (1 - p)) as Real
}

/** x times 1 / (1 - p) or 0, by the place of an element in a stream of random numbers. */
export const runDropout: Run<Draw> = /* @__PURE__ */ operation<Draw>({
  name: 'dropout',
  shape: ([shape]) => shape,
  forward(y, [x], { p, key, stream }) {
    const [key0, key1] = key as readonly [Key, Key]
    kernels.dropout(x.pointer, y.pointer, y.count, key0, key1, stream, p as Real, keptScale(p), Math.ceil(y.count / 4))
  },
  pullback: [(g, _, draw) => runDropout([g], draw)],
})
