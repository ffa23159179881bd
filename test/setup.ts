import { configure, manualSeed, Tensor, variant } from 'fluxtape'
import { beforeEach, expect } from 'vitest'

const wanted = process.env.FLUXTAPE_VARIANT
if (wanted === 'baseline') await configure({ deterministic: true })
if (variant() !== wanted) throw new Error(`these tests are to run on the ${wanted} kernels, but this runtime took the ${variant()} ones`)

// Vitest would compare two tensors by their rows, which are new ones each time.
expect.addEqualityTesters([(a, b) => (a instanceof Tensor && b instanceof Tensor ? a === b : undefined)])

beforeEach(() => manualSeed(1))
