import { type DivergedError, retell } from '../errors.ts'
import { show } from '../tensor/shape.ts'
import { Tensor } from '../tensor/tensor.ts'
import { walk } from '../tensor/walk.ts'

const UNTOUCHED = 'Nothing was updated.'

/** Lets the error of a step that diverged say so where its batch is to blame: one that is empty, or holds NaN or infinities. Returns it. */
export function blameBatch(error: DivergedError, batch: unknown): DivergedError {
  const fault = faultOf(batch)
  if (fault === undefined) return error
  const { message } = error
  const end = message.indexOf(UNTOUCHED)
  return retell(error, `${end < 0 ? message : message.slice(0, end + UNTOUCHED.length)} ${fault}`)
}

/** Undefined for a batch of numbers. */
function faultOf(batch: unknown): string | undefined {
  let fault: string | undefined
  const look = (tensor: Tensor, path: string) => {
    if (fault !== undefined || tensor.released) return
    const name = path.split('.').reduce((text, key) => (/^\d+$/.test(key) ? `${text}[${key}]` : key && `${text}.${key}`) || text, 'batch')
    if (tensor.count === 0) fault = `${name} is empty: ${show(tensor.dims)}. Leave batches without samples out.`
    if (tensor.type !== 'float32') return
    const position = tensor.view().findIndex(value => !Number.isFinite(value))
    if (position >= 0)
      fault = `${name} holds ${tensor.view()[position]}, at place ${position} of ${show(tensor.dims)}. Mend the data, or leave such samples out.`
  }
  if (batch instanceof Tensor) look(batch, '')
  else walk(batch, look)
  return fault
}
