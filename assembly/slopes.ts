// Functions with their derivatives, where the two share most of their work.
import { Erf } from './math/erf'

/**
 * out[i] = gelu(x[i]), slope[i] = gelu'(x[i])
 *
 * @cost 1.6
 */
export function geluSlope(x: usize, out: usize, slope: usize, begin: i32, end: i32): void {
  const last = (<usize>end) << 2
  let i = (<usize>begin) << 2
  for (; i + 16 <= last; i += 16) {
    const v = v128.load(x + i)
    const bounded = Erf.bounded(v)
    const g = Erf.gaussian(bounded)
    const normal = Erf.normalFrom(bounded, g)
    v128.store(out + i, Erf.geluFrom(v, normal))
    v128.store(slope + i, Erf.geluDerivativeFrom(bounded, g, normal))
  }
  for (; i < last; i += 4) {
    const v = v128.load32_zero(x + i)
    const bounded = Erf.bounded(v)
    const g = Erf.gaussian(bounded)
    const normal = Erf.normalFrom(bounded, g)
    v128.store32_lane(out + i, Erf.geluFrom(v, normal), 0)
    v128.store32_lane(slope + i, Erf.geluDerivativeFrom(bounded, g, normal), 0)
  }
}
