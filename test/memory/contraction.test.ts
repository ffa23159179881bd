// How many bytes products take on the way to their result, which is counted twice: once as it is put together from its parts.
import { dot, einsum, gradient, memory, randint, randn, scope, type Tensor } from 'fluxtape'
import { expect, it } from 'vitest'

const int = (shape: number[]) => randint(-9, 9, shape)
const KB = 1024
// What all of them would have to hold at once, [m, k, n], is 4 MB and more; operands are copied in the order that is needed.
const rows: readonly [what: string, bytes: number, run: () => Tensor][] = (() => {
  const [a, b] = [int([100, 100]), int([100, 101])]
  const [many, more] = [int([40, 10, 60]), int([40, 60, 50])]
  const [long, wide] = [randn([1000, 500]), randn([1000, 500])]
  return [
    ['dot', 700 * KB, () => dot(a, b)],
    ["einsum 'ij,jk->ik'", 700 * KB, () => einsum('ij,jk->ik', a, b)],
    ["einsum 'ji,jk->ki'", 700 * KB, () => einsum('ji,jk->ki', a, b)],
    ["einsum 'bij,bjk->bik'", 2000 * KB, () => einsum('bij,bjk->bik', many, more)],
    ["einsum 'ij,ij->i'", 100 * KB, () => einsum('ij,ij->i', long, wide)],
    ["the gradient of einsum 'ij,ij->i'", 2 * 2100 * KB, () => gradient(x => einsum('ij,ij->i', x, wide).sum(), long)[0]],
  ]
})()

it.each(rows.toSorted((a, b) => a[1] - b[1]))('%s', (_, most, run) => {
  const before = memory().bytes
  scope(() => void run())
  const bytes = memory().peak - before
  expect(bytes).toBeGreaterThan(0)
  expect(bytes).toBeLessThan(most)
})
