// Pointwise kernels of float32. `x`, `y`, `out` are addresses of elements, `layout` a broadcast (see map.ts). @over
// @cost 0.15: nanoseconds an element on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { map1, map1By, map1With, map2, pairs1, pairs2, test1 } from './map'
import { Erf } from './math/erf'
import { Exp } from './math/exp'
import { Hyperbolic } from './math/hyperbolic'
import { Log } from './math/log'
import { Power } from './math/power'
import { Trigonometry } from './math/trigonometry'

const CONSTANTS: usize = memory.data<f32>([1.0])
const ONE: usize = 0

@unmanaged
class Neg {
  @inline f(x: v128): v128 {
    return f32x4.neg(x)
  }
}
@unmanaged
class Abs {
  @inline f(x: v128): v128 {
    return f32x4.abs(x)
  }
}
@unmanaged
class Square {
  @inline f(x: v128): v128 {
    return f32x4.mul(x, x)
  }
}
@unmanaged
class Reciprocal {
  @inline f(x: v128): v128 {
    return f32x4.div(v128.load32_splat(CONSTANTS, ONE), x)
  }
}
@unmanaged
class Sqrt {
  @inline f(x: v128): v128 {
    return f32x4.sqrt(x)
  }
}
@unmanaged
class Rsqrt {
  @inline f(x: v128): v128 {
    return f32x4.div(v128.load32_splat(CONSTANTS, ONE), f32x4.sqrt(x))
  }
}
@unmanaged
class Floor {
  @inline f(x: v128): v128 {
    return f32x4.floor(x)
  }
}
@unmanaged
class Ceil {
  @inline f(x: v128): v128 {
    return f32x4.ceil(x)
  }
}
@unmanaged
class Round {
  @inline f(x: v128): v128 {
    return f32x4.nearest(x)
  }
}
@unmanaged
export class Relu {
  // x < 0 ? 0 : x, which keeps NaN and -0 (unlike max).
  @inline f(x: v128): v128 {
    return v128.andnot(x, f32x4.lt(x, i32x4.splat(0)))
  }
}
@unmanaged
class Sign {
  @inline f(x: v128): v128 {
    const zero = i32x4.splat(0)
    const one = v128.load32_splat(CONSTANTS, ONE)
    const sign = f32x4.sub(v128.and(f32x4.gt(x, zero), one), v128.and(f32x4.lt(x, zero), one))
    return v128.bitselect(sign, x, f32x4.eq(x, x))
  }
}
@unmanaged
class ExpLane {
  @inline f(x: v128): v128 {
    return Exp.exp(x)
  }
}
@unmanaged
class Expm1 {
  @inline f(x: v128): v128 {
    return Exp.expm1(x)
  }
}
@unmanaged
class Sigmoid {
  @inline f(x: v128): v128 {
    return Exp.sigmoid(x)
  }
}
@unmanaged
class LogLane {
  @inline f(x: v128): v128 {
    return Log.log(x)
  }
}
@unmanaged
class Softplus {
  @inline f(x: v128, sign: v128): v128 {
    return f32x4.mul(sign, Log.softplus(f32x4.mul(sign, x)))
  }
}
@unmanaged
class Log1p {
  @inline f(x: v128): v128 {
    return Log.log1p(x)
  }
}
@unmanaged
class Sin {
  @inline f(x: v128): v128 {
    return Trigonometry.sin(x)
  }
}
@unmanaged
class Cos {
  @inline f(x: v128): v128 {
    return Trigonometry.cos(x)
  }
}
@unmanaged
class Tan {
  @inline f(x: v128): v128 {
    return f32x4.div(Trigonometry.sin(x), Trigonometry.cos(x))
  }
}
@unmanaged
class Tanh {
  @inline f(x: v128): v128 {
    return Hyperbolic.tanh(x)
  }
}
@unmanaged
class ErfLane {
  @inline f(x: v128): v128 {
    return Erf.erf(x)
  }
}
@unmanaged
class Gelu {
  @inline f(x: v128): v128 {
    return Erf.gelu(x)
  }
}
@unmanaged
class Clamp {
  @inline f(x: v128, low: v128, high: v128): v128 {
    return f32x4.min(f32x4.max(x, low), high)
  }
}
@unmanaged
class ClampMask {
  @inline f(x: v128, low: v128, high: v128): v128 {
    return v128.and(v128.and(f32x4.ge(x, low), f32x4.le(x, high)), v128.load32_splat(CONSTANTS, ONE))
  }
}
@unmanaged
class IsNaN {
  @inline f(x: v128): v128 {
    return f32x4.ne(x, x)
  }
}
@unmanaged
class IsFinite {
  @inline f(x: v128): v128 {
    const difference = f32x4.sub(x, x)
    return f32x4.eq(difference, difference)
  }
}

export function neg(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Neg>(x, out, begin, end)
}
export function abs(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Abs>(x, out, begin, end)
}
export function square(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Square>(x, out, begin, end)
}
export function reciprocal(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Reciprocal>(x, out, begin, end)
}
export function sqrt(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Sqrt>(x, out, begin, end)
}
export function rsqrt(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Rsqrt>(x, out, begin, end)
}
export function floor(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Floor>(x, out, begin, end)
}
export function ceil(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Ceil>(x, out, begin, end)
}
export function round(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Round>(x, out, begin, end)
}
export function sign(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Sign>(x, out, begin, end)
}
export function relu(x: usize, out: usize, begin: i32, end: i32): void {
  pairs1<Relu>(x, out, begin, end)
}
/** @cost 0.6 */
export function exp(x: usize, out: usize, begin: i32, end: i32): void {
  map1<ExpLane>(x, out, begin, end)
}
/** @cost 0.7 */
export function expm1(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Expm1>(x, out, begin, end)
}
/** @cost 0.7 */
export function sigmoid(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Sigmoid>(x, out, begin, end)
}
/** @cost 0.6 */
export function log(x: usize, out: usize, begin: i32, end: i32): void {
  map1<LogLane>(x, out, begin, end)
}
/** sign log(1 + exp(sign x)), sign 1 or -1. @cost 1.2 */
export function softplus(x: usize, out: usize, sign: f32, begin: i32, end: i32): void {
  map1By<Softplus>(x, out, sign, begin, end)
}
/** @cost 1 */
export function log1p(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Log1p>(x, out, begin, end)
}
/** @cost 1 */
export function sin(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Sin>(x, out, begin, end)
}
/** @cost 1 */
export function cos(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Cos>(x, out, begin, end)
}
/** @cost 2 */
export function tan(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Tan>(x, out, begin, end)
}
/** @cost 0.6 */
export function tanh(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Tanh>(x, out, begin, end)
}
/** @cost 0.9 */
export function erf(x: usize, out: usize, begin: i32, end: i32): void {
  map1<ErfLane>(x, out, begin, end)
}
/** @cost 1.5 */
export function gelu(x: usize, out: usize, begin: i32, end: i32): void {
  map1<Gelu>(x, out, begin, end)
}
export function clamp(x: usize, out: usize, low: f32, high: f32, begin: i32, end: i32): void {
  map1With<Clamp>(x, out, low, high, begin, end)
}
/** 1 where low <= x <= high, 0 elsewhere. */
export function clampMask(x: usize, out: usize, low: f32, high: f32, begin: i32, end: i32): void {
  map1With<ClampMask>(x, out, low, high, begin, end)
}
export function isNaN(x: usize, bools: usize, begin: i32, end: i32): void {
  test1<IsNaN>(x, bools, begin, end)
}
export function isFinite(x: usize, bools: usize, begin: i32, end: i32): void {
  test1<IsFinite>(x, bools, begin, end)
}

@unmanaged
export class Add {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.add(x, y)
  }
}
@unmanaged
class Sub {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.sub(x, y)
  }
}
@unmanaged
class Mul {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.mul(x, y)
  }
}
@unmanaged
class Div {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.div(x, y)
  }
}
@unmanaged
class Pow {
  @inline f(x: v128, y: v128): v128 {
    return Power.pow(x, y)
  }
}
@unmanaged
class Maximum {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.max(x, y)
  }
}
@unmanaged
class Minimum {
  @inline f(x: v128, y: v128): v128 {
    return f32x4.min(x, y)
  }
}
/** x where y > 0, else 0: the gradient of relu from its output. */
@unmanaged
class Gate {
  @inline f(x: v128, y: v128): v128 {
    return v128.and(x, f32x4.gt(y, i32x4.splat(0)))
  }
}

export function add(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Add>(x, y, out, layout, begin, end)
}
export function sub(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Sub>(x, y, out, layout, begin, end)
}
export function mul(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Mul>(x, y, out, layout, begin, end)
}
export function div(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Div>(x, y, out, layout, begin, end)
}
/** @cost 3.5 */
export function pow(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  map2<Pow>(x, y, out, layout, begin, end)
}
export function maximum(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Maximum>(x, y, out, layout, begin, end)
}
export function minimum(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Minimum>(x, y, out, layout, begin, end)
}
export function gate(x: usize, y: usize, out: usize, layout: usize, begin: i32, end: i32): void {
  pairs2<Gate>(x, y, out, layout, begin, end)
}
