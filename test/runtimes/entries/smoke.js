// What must work wherever the library is, without the suite or the datasets: it learns a plane, and shares a big product. A classic
// script, because modules do not load from file://.

/**
 * @param {typeof import('fluxtape')} lib
 * @param {{ threads: boolean, reason?: string }} expect
 */
globalThis.smoke = async function smoke(lib, expect) {
  const result = { passed: 0, failed: 0, failures: [], variant: '', threads: 1, hashes: {} }
  const check = (condition, message) => {
    if (condition) return result.passed++
    result.failed++
    result.failures.push(`script, ${message()}`)
  }
  result.variant = lib.variant()
  lib.manualSeed(2)
  const { Adam, Dense, mse, params, rand, randn, tensor, train } = lib
  const x = rand([256, 2])
  const y = x.matmul(tensor([[2], [-1]])).add(1)
  const model = Dense(2, 1)
  const { epochs } = await train((a, b) => mse(model(a), b), params(model), [[x, y]], Adam(0.05), { epochs: 400 })
  check(epochs[399].loss < 1e-4, () => `the loss after 400 steps is ${epochs[399].loss}`)

  const a = randn([512, 512])
  const product = () => lib.scope(() => new Uint32Array(a.matmul(a).data().buffer))
  const isLike = (one, other) => one.every((bits, i) => bits === other[i])
  const alone = product()
  let isSame = true
  // Where none may come, a few rounds see that none does.
  for (let i = 0; i < (expect.threads ? 30 : 4) && lib.threads().count === 1; i++) {
    isSame &&= isLike(product(), alone)
    await new Promise(resolve => setTimeout(resolve, 30))
  }
  check(isSame, () => 'a product that changed while workers started')
  const { count, reason } = await lib.threads(2)
  result.threads = count
  check(count === (expect.threads ? 2 : 1), () => `threads(2): ${count}, ${reason}`)
  if (!expect.threads) check(new RegExp(expect.reason).test(reason), () => `the reason is '${reason}', expected ${expect.reason}`)
  check(isLike(product(), alone), () => 'the product has other bits on two threads')
  return result
}
