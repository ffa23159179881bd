import { configure, gradient, matmul, tensor, variant } from 'fluxtape'
import { afterEach, describe, expect, test, vi } from 'vitest'

const project = process.env.FLUXTAPE_VARIANT

afterEach(async () => {
  vi.unstubAllEnvs()
  await configure({ deterministic: project === 'baseline' })
})

/** -1 + (1 + 2^-12)^2, whose square needs one bit more than a float32 has. */
function multiplyAdd(): number {
  const x = 1 + 2 ** -12
  return matmul(tensor([[-1, x]]), tensor([[1], [x]])).item()
}

const inOneRounding = 2 ** -11 + 2 ** -24
const inTwoRoundings = 2 ** -11

describe('variants of the kernels', () => {
  test('the project runs on the kernels that it is named for', () => {
    expect(['relaxed', 'baseline']).toContain(project)
    expect(variant()).toBe(project)
  })

  test('relaxed kernels multiply and add in one rounding, baseline kernels in two', () => {
    expect(multiplyAdd()).toBe(project === 'relaxed' ? inOneRounding : inTwoRoundings)
  })

  test('configure changes the kernels within one process, to and fro', async () => {
    expect(await configure({ deterministic: true })).toBe('baseline')
    expect(variant()).toBe('baseline')
    expect(multiplyAdd()).toBe(inTwoRoundings)
    const best = await configure({ deterministic: false })
    expect(variant()).toBe(best)
    expect(multiplyAdd()).toBe(best === 'relaxed' ? inOneRounding : inTwoRoundings)
  })

  test('tensors keep their values when the kernels change', async () => {
    const x = tensor([1.5, -2, 3])
    await configure({ deterministic: true })
    const y = x.mul(2)
    await configure({})
    expect(y.add(x).toArray()).toEqual([4.5, -6, 9])
  })

  test('configure refuses to change the kernels while a gradient is being taken', async () => {
    let refusal: Promise<unknown> | undefined
    gradient(x => {
      refusal = configure({ deterministic: true })
      refusal.catch(() => {})
      return x
    }, 1)
    await expect(refusal).rejects.toThrow(new TypeError('configure: a gradient is being taken. Call it before or after.'))
    expect(variant()).toBe(project)
  })

  test('a run fails that was to use the relaxed kernels and did not', async () => {
    await configure({ deterministic: true })
    vi.stubEnv('FLUXTAPE_VARIANT', 'relaxed')
    const setup = '../setup.ts?relaxed'
    await expect(import(setup)).rejects.toThrow(
      new Error('these tests are to run on the relaxed kernels, but this runtime took the baseline ones'),
    )
  })

  test('a run fails that does not say which kernels it is to use', async () => {
    vi.stubEnv('FLUXTAPE_VARIANT', '')
    const setup = '../setup.ts?none'
    await expect(import(setup)).rejects.toThrow(
      new Error(`these tests are to run on the  kernels, but this runtime took the ${project} ones`),
    )
  })
})
