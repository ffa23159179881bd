import { configure, manualSeed, variant } from 'fluxtape'
import { beforeEach } from 'vitest'

const wanted = process.env.FLUXTAPE_VARIANT
if (wanted === 'baseline') await configure({ deterministic: true })
if (variant() !== wanted) throw new Error(`these tests are to run on the ${wanted} kernels, but this runtime took the ${variant()} ones`)

beforeEach(() => manualSeed(1))
