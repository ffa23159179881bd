import { Chain, Dense, mse, params, relu, type Tensor, tensor } from 'fluxtape'

export const x = tensor([
  [1, 2],
  [3, 4],
  [-1, 0.5],
  [0.25, -2],
])
export const y = tensor([[1], [0], [2], [-1]])

/** A small model that always starts from the same numbers, and its loss in both forms. */
export function problem() {
  const model = Chain(
    Dense(
      tensor([
        [0.5, -0.25],
        [0.75, 1],
        [0.1, 0.2],
      ]),
      tensor([0.1, 0, -0.1]),
      relu,
    ),
    Dense(tensor([[1, -1, 0.3]]), tensor([0.5])),
  )
  return {
    model,
    ps: params(model),
    loss: (a: Tensor, b: Tensor) => mse(model(a), b),
    explicit: (m: typeof model, a: Tensor, b: Tensor) => mse(m(a), b),
  }
}

/** The same batch, n times. */
export function batches(n: number): [Tensor, Tensor][] {
  return Array.from({ length: n }, () => [x, y])
}

/** The numbers of all parameters. */
export function bits(model: unknown): number[][] {
  return [...params(model)].map(p => [...p.data()])
}

/** The value, its coming noted in a log. */
export function noted<T>(log: unknown[], entry: unknown, value: T): T {
  log.push(entry)
  return value
}

/** What reaches nobody while `f` runs, and for a moment after. */
export async function unhandled(f: () => Promise<unknown>): Promise<unknown[]> {
  const reasons: unknown[] = []
  const listen = (reason: unknown) => {
    reasons.push(reason)
  }
  process.on('unhandledRejection', listen)
  try {
    await f()
    // An unhandled rejection is told of when the microtasks have run dry.
    for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
  } finally {
    process.off('unhandledRejection', listen)
  }
  return reasons
}
