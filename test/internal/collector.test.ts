import { memory } from 'fluxtape'
import { expect, test } from 'vitest'
import { make } from '../../src/tensor/tensor.ts'

const MIB = 2 ** 20

test('tensors that nobody disposed do not pile up in an asynchronous loop, for throwaway buffers press the collector', async () => {
  const before = memory().bytes
  const each = 64 * MIB
  const rounds = 40
  let most = 0
  for (let i = 0; i < rounds; i++) {
    make([each / 4], 'float32')
    most = Math.max(most, memory().bytes - before)
    await new Promise(resolve => setTimeout(resolve))
  }
  expect(most).toBeGreaterThanOrEqual(each)
  expect(most).toBeLessThan((rounds * each) / 2)
})
