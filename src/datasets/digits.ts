import { tensor } from '../tensor/create.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { typeError } from '../words.ts'
import { packed } from './digits-packed.ts'

/** Images and their classes, for training and for testing; either pair goes into a `DataLoader`. */
export interface Digits {
  readonly train: [x: Tensor, y: Tensor]
  readonly test: [x: Tensor, y: Tensor]
}

const TRAIN = 1437
const TEST = 360
const PIXELS = 64

/**
 * 1,797 handwritten digits of 8x8 gray levels, which come with the package: nothing is fetched.
 *
 * `train` is `[x, y]` with x float32 [1437, 64] and y int32 [1437], `test` the same with 360. A row of x is an image from top to bottom; its
 * levels 0, 1, ..., 16 are divided by 16, so they lie in [0, 1] and 1 is ink. y is the digit. There are 142, 145, 142, 146, 145, 146, 145,
 * 143, 139 and 144 of the digits 0 to 9 in `train`, and 36, 37, 35, 37, 36, 36, 36, 36, 35 and 36 in `test`.
 *
 * It is the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (UCI Machine Learning Repository, 1998, CC
 * BY 4.0), shuffled and split once, with the same share of each digit in both parts: the same writers are in both, so a model scores higher
 * than it would on writers that it never saw. Each call makes new tensors, which are yours. Throws TypeError for an argument.
 *
 * @example
 * const { train: trainSet, test: testSet } = digits()
 * const [x, y] = trainSet
 * x.shape // [1437, 64]
 */
export function digits(): Digits {
  if (arguments.length > 0) throw typeError('digits', 'there is an argument too many: it takes none')
  const rows = unpack(
    Uint8Array.from(atob(packed), character => character.charCodeAt(0)),
    TRAIN + TEST,
  )
  return { train: part(rows, 0, TRAIN), test: part(rows, TRAIN, TEST) }
}

function part(rows: Uint8Array, first: number, count: number): [x: Tensor, y: Tensor] {
  const x = new Float32Array(count * PIXELS)
  const y = new Int32Array(count)
  for (let i = 0; i < count; i++) {
    const row = (first + i) * (PIXELS + 1)
    for (let pixel = 0; pixel < PIXELS; pixel++) x[i * PIXELS + pixel] = rows[row + pixel] / 16
    y[i] = rows[row + PIXELS]
  }
  return [tensor(x, [count, PIXELS]), tensor(y)]
}

/**
 * Rows of 64 levels and a class, from what tools/digits.py packed: an adaptive binary arithmetic coder. A value is five bits, the highest
 * first; the chance of each is learned from how often a 0 and a 1 came at that place of the row, after those bits, beside such a left and
 * such an upper neighbor.
 */
function unpack(bytes: Uint8Array, count: number): Uint8Array {
  const columns = PIXELS + 1
  const rows = new Uint8Array(count * columns)
  const zeros = new Uint16Array(columns * 16 * 32)
  const ones = new Uint16Array(columns * 16 * 32)
  let low = 0
  let high = 0xffffffff
  let code = 0
  let at = 0
  for (; at < 4; at++) code = ((code << 8) | bytes[at]) >>> 0
  for (let i = 0; i < rows.length; i++) {
    const column = i % columns
    const left = column % 8 > 0 ? rows[i - 1] : 0
    const above = column >= 8 ? rows[i - 8] : 0
    const context = ((column * 4 + Math.ceil(left / 7)) * 4 + Math.ceil(above / 7)) * 32
    let node = 1
    while (node < 32) {
      const cell = context + node
      const middle = low + Math.floor(((high - low) * (2 * zeros[cell] + 1)) / (2 * (zeros[cell] + ones[cell]) + 2))
      const bit = code > middle ? 1 : 0
      if (bit) {
        low = middle + 1
        ones[cell]++
      } else {
        high = middle
        zeros[cell]++
      }
      node = node * 2 + bit
      while (low >>> 24 === high >>> 24) {
        low = (low << 8) >>> 0
        high = ((high << 8) | 255) >>> 0
        code = ((code << 8) | bytes[at++]) >>> 0
      }
    }
    rows[i] = node - 32
  }
  return rows
}
