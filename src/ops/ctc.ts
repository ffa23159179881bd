// Connectionist temporal classification, of logarithms of probabilities [batch, time, classes]; the kernel (assembly/ctc.ts) says how.
import { rangeError } from '../errors.ts'
import { operation, type Run } from '../tape/operation.ts'
import { arange, full } from '../tensor/create.ts'
import { Storage } from '../tensor/storage.ts'
import type { Tensor } from '../tensor/tensor.ts'
import * as kernels from '../wasm/kernels.generated.ts'
import { type Address, NONE } from '../wasm/kinds.ts'
import { i32 } from '../wasm/memory.ts'
import { reported } from '../wasm/status.ts'
import { fusion, isFused } from './fusion.ts'
import { takeAlong } from './indexing.ts'
import { concat, stack } from './joining.ts'
import { broadcastTo, expandDims, reshape } from './movement.ts'
import { pad } from './padding.ts'
import {
  add,
  equal,
  greater,
  greaterEqual,
  isFinite,
  less,
  lessEqual,
  logicalAnd,
  maximum,
  mul,
  neg,
  notEqual,
  stopGradient,
  sub,
  where,
} from './pointwise.ts'
import { logSumExp } from './reduce.ts'
import { slice } from './slicing.ts'

/** x, the labels [batch, longest], and for each sample how many steps and how many labels it has, all three int32. */
type Inputs = readonly [x: Tensor, labels: Tensor, lengths: Tensor, counts: Tensor]

/** Writes the losses, or if `slopes` is an address their derivatives by x. */
function compute(y: Tensor, [x, labels, lengths, counts]: readonly Tensor[], blank: number, slopes: Address): void {
  const [batch, time, classes] = x.dims
  const longest = labels.dims[1]
  const states = 2 * longest + 1
  const rows = new Storage(8 * batch * states * (slopes ? time + 2 : 1))
  y.scratch = rows
  const place = reported(status =>
    kernels.ctc(
      {
        ...{ x: x.pointer, targets: labels.pointer, lengths: lengths.pointer, targetLengths: counts.pointer },
        ...{ losses: y.pointer, slopes, rows: rows.pointer, time, classes, longest, blank, status },
      },
      batch,
      states * (slopes ? 3 : 1) * time + 1,
    ),
  )
  y.endScratch()
  if (place < 0) return
  const sample = Math.floor(place / (longest + 2))
  const at = place % (longest + 2)
  const word = (of: Tensor, index: number) => i32[(of.pointer >>> 2) + index]
  if (at >= longest) {
    const [name, of, most] = at === longest ? ['lengths', lengths, time] : ['targetLengths', counts, longest]
    throw rangeError('ctc', `${word(of as Tensor, sample)} at place ${sample} of ${name} is out of range`, `they go from 0 to ${most}`)
  }
  const label = sample * longest + at
  const range = `labels count from 0 to ${classes - 1}, without the blank ${blank}`
  throw rangeError('ctc', `${word(labels, label)} at place ${label} is no label`, range)
}

const runCtc = /* @__PURE__ */ operation<{ blank: number }, Readonly<Record<'x' | 'labels' | 'lengths' | 'counts' | 'y', Tensor>>>({
  name: 'ctc',
  types: () => ({ output: 'float32' }),
  shape: ([[batch]]) => [batch],
  forward: (y, inputs, { blank }) => compute(y, inputs, blank, NONE),
  save: (y, [x, labels, lengths, counts]) => ({ x, labels, lengths, counts, y }),
  pullback: [
    (g, { x, labels, lengths, counts, y }, options) => {
      // What is infinite has no slope, whatever is made of it.
      const factors = where(isFinite(y), g, 0)
      return mul(reshape(factors, [g.count, 1, 1]), runSlopes([x, labels, lengths, counts], options))
    },
    ...[null, null, null],
  ],
})

const runSlopes: Run<{ blank: number }> = /* @__PURE__ */ operation<{ blank: number }>({
  name: 'ctcSlopes',
  types: () => ({ output: 'float32' }),
  shape: ([x]) => x,
  forward: (y, inputs, { blank }) => compute(y, inputs, blank, y.pointer),
})

/** @internal The loss of each sample; Infinity where a target does not fit into its steps, with a derivative of 0. */
export function ctcLosses(inputs: Inputs, blank: number): Tensor {
  return isFused(fusion.ctc, inputs) ? runCtc(inputs, { blank }) : composedLosses(inputs, blank)
}

/** What stands for log 0, since the derivatives of -Infinity are none. */
const NEVER = -1e30

/** The same of operations, a few for each time step: for derivatives of any order. */
function composedLosses([x, labels, lengths, counts]: Inputs, blank: number): Tensor {
  // Refuses what the kernel refuses.
  runCtc([stopGradient(x), labels, lengths, counts], { blank })
  const [batch, time] = x.dims
  const longest = labels.dims[1]
  const int32 = { dtype: 'int32' } as const
  const states = arange(0, 2 * longest + 1, 1, int32)
  const isLabel = less(arange(0, longest, 1, int32), expandDims(counts, 1))
  const known = stack([full([batch, longest], blank, int32), where(isLabel, labels, blank)], 2)
  const classes = concat([reshape(known, [batch, 2 * longest]), full([batch, 1], blank, int32)], 1)
  const before = (row: Tensor, n: number, value: number) =>
    slice(
      pad(
        row,
        [
          [0, 0],
          [n, 0],
        ],
        { value },
      ),
      [null, [0, states.count]],
    )
  const skips = where(notEqual(classes, before(classes, 2, blank)), 0, NEVER)
  const shape = [batch, time, states.count]
  const steps = maximum(takeAlong(x, broadcastTo(expandDims(classes, 1), shape), 2), NEVER)
  let row = broadcastTo(where(equal(states, 0), 0, NEVER), [batch, states.count])
  for (let t = 0; t < time; t++) {
    const paths = stack([row, before(row, 1, NEVER), add(before(row, 2, NEVER), skips)])
    row = where(less(t, expandDims(lengths, 1)), add(logSumExp(paths, 0), slice(steps, [null, t])), row)
  }
  const last = expandDims(mul(counts, 2), 1)
  const isEnd = logicalAnd(greaterEqual(states, sub(last, 1)), lessEqual(states, last))
  const losses = neg(logSumExp(where(isEnd, row, NEVER), 1))
  return where(greater(losses, -NEVER / 10), Number.POSITIVE_INFINITY, losses)
}
