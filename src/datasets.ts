// Data to train on: what comes with the package, and a reader for files of others.
import './ops/methods.ts'

export { type Digits, digits } from './datasets/digits.ts'
export { readIdx } from './io/idx.ts'
