/** A short training, the same on both sides of cases/remote.mjs. */
export async function fit(lib, { seed, ...options }) {
  const { Adam, Dense, mse, params, rand, state, train } = lib
  lib.manualSeed(seed)
  const model = Dense(3, 2)
  const x = rand([32, 3])
  const { epochs } = await train((a, b) => mse(model(a), b), params(model), [[x, x.slice(':, :2')]], Adam(0.1), options)
  return { weights: state(model), losses: epochs.map(({ loss }) => loss) }
}
