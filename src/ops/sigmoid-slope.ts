import * as kernels from '../wasm/kernels.generated.ts'
import { gradientFrom } from './elementwise.ts'
import { mul, neg, tanh } from './pointwise.ts'

/** @internal g σ′(x), of which the tails are exact; σ″ = -σ′ tanh(x / 2) */
export const sigmoidGradient = gradientFrom('sigmoid', kernels.sigmoidGradient, (h, g, x, first) =>
  neg(mul(first(mul(h, g), x), tanh(mul(x, 0.5)))),
)
