import { typeError } from '../errors.ts'
// What JavaScript itself does with a tensor: converts it, iterates over it, writes it as JSON.
import { isTracked } from '../tape/level.ts'
import { show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { slice } from './slicing.ts'

/**
 * A tensor of one element where JavaScript wants a number, its print where a text. Throws TypeError for more elements, and for what is tracked:
 * the number would leave the gradient without a word.
 */
function primitive(this: Tensor, hint: string): string | number {
  if (hint === 'string') return this.toString()
  if (this.count !== 1) {
    throw typeError(
      'Tensor',
      'operators take a tensor of one element alone',
      `${show(this.dims)} came`,
      'Write x.add(y), x.mul(y) or x.less(y), and a template for a text.',
    )
  }
  if (isTracked(this)) {
    throw typeError(
      'Tensor',
      'as a number it would leave the gradient that is being taken',
      '',
      'Write x.add(y), x.mul(y) or x.less(y); item() is the number.',
    )
  }
  return this.item()
}

function* rows(this: Tensor): Generator<Tensor, void, undefined> {
  for (let i = 0; i < this.dims[0]; i++) yield slice(this, [i])
}

/** JSON has no such numbers: they are texts there. */
function toJSON(this: Tensor): object {
  this.check('toJSON')
  const written = (value: number) => (value === 0 ? '-0' : String(value))
  const data = Array.from(this.view(), value => (Number.isFinite(value) && !Object.is(value, -0) ? value : written(value)))
  return { shape: this.dims, dtype: this.type, data }
}

const hidden = { configurable: true, enumerable: false }
Object.defineProperties(Tensor.prototype, {
  [Symbol.toPrimitive]: { ...hidden, value: primitive },
  // A scalar has no rows: it is not iterable.
  [Symbol.iterator]: {
    ...hidden,
    get(this: Tensor) {
      return this.rank === 0 ? undefined : rows
    },
  },
  toJSON: { ...hidden, value: toJSON },
})
