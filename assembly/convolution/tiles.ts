// The tiles of a convolution: 4 places by 8 channels, 4 vectors of places by 2 channels, or 4 pairs of vectors by 1 or 2, summed over steps.
//
// A table says where the input of each step lies relative to a place, so one loop serves every size, stride, dilation, phase and padding. Eight
// accumulators, and fifteen vectors alive: V8 before 13 lifts every load of a step to its top, and spills the sixteenth. The bias
// and stores alone follow the loop, and tiles are called through a table; tools/tiles.mjs says why.
import { Arithmetic } from '../gemm/lanes'

/** Words of a tile in its table: the first step, how many, four places in the input and four in the output, in bytes. */
export const tileBytes: usize = 40

/** Four vectors of places by two channels; the factors of a step are two. */
class Wide {}
/** Four places by eight channels, of places that lie side by side in the output; the factors of a step are eight. */
class Tall {}
/** The same, of places that lie anywhere. */
class Scattered {}
/** The same, added to 32 sums. */
class Sums {}
/** Four pairs of vectors of places by a channel; one factor a step. */
class Deep {}
/** Four pairs of vectors of places by two channels, for engines that make one vector of two; the factors of a step are two. */
class Broad {}
/** Vectors of places along which is summed: four of the input by two channels of the output; their eight vectors are added to 32 sums. */
class Along {}

class Transposed {
  // @ts-ignore: decorator
  @inline static store(v0: v128, v1: v128, v2: v128, v3: v128, bias: v128, c0: usize, c1: usize, c2: usize, c3: usize, floor: v128): void {
    v0 = f32x4.add(v0, bias)
    v1 = f32x4.add(v1, bias)
    v2 = f32x4.add(v2, bias)
    v3 = f32x4.add(v3, bias)
    const low01 = v128.shuffle<f32>(v0, v1, 0, 4, 1, 5)
    const low23 = v128.shuffle<f32>(v2, v3, 0, 4, 1, 5)
    const high01 = v128.shuffle<f32>(v0, v1, 2, 6, 3, 7)
    const high23 = v128.shuffle<f32>(v2, v3, 2, 6, 3, 7)
    v128.store(c3, f32x4.pmax(v128.shuffle<f64>(high01, high23, 1, 3), floor))
    v128.store(c2, f32x4.pmax(v128.shuffle<f64>(high01, high23, 0, 2), floor))
    v128.store(c1, f32x4.pmax(v128.shuffle<f64>(low01, low23, 1, 3), floor))
    v128.store(c0, f32x4.pmax(v128.shuffle<f64>(low01, low23, 0, 2), floor))
  }

  /** Lane by lane: a place of four channels. */
  // @ts-ignore: decorator
  @inline static scatter(v: v128, at: usize, to1: usize, to2: usize, to3: usize): void {
    v128.store32_lane(at + to3, v, 3)
    v128.store32_lane(at + to2, v, 2)
    v128.store32_lane(at + to1, v, 1)
    v128.store32_lane(at, v, 0)
  }
}

/**
 * `count` tiles of the table at `tiles`. Channels lie `plane` bytes apart in the output, the last one that is there `last` bytes behind the first: what a tile
 * makes of channels beyond is stored before that one is, in its place.
 */
function tile<T>(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  do {
    const first = <usize>load<i32>(tiles)
    let steps = load<i32>(tiles, 4)
    const p0 = x + load<usize>(tiles, 8)
    const p1 = x + load<usize>(tiles, 12)
    const p2 = x + load<usize>(tiles, 16)
    const p3 = x + load<usize>(tiles, 20)
    const y0 = y + load<usize>(tiles, 24)
    const y1 = y + load<usize>(tiles, 28)
    const y2 = y + load<usize>(tiles, 32)
    const y3 = y + load<usize>(tiles, 36)
    let t = taps + (first << 2)
    let w = weight + first * step
    let c00 = f32x4.splat(0)
    let c01 = c00
    let c10 = c00
    let c11 = c01
    let c20 = c00
    let c21 = c01
    let c30 = c00
    let c31 = c01
    let d00 = c00
    let d01 = c00
    let d10 = c00
    let d11 = c00
    let d20 = c00
    let d21 = c00
    let d30 = c00
    let d31 = c00
    if (steps > 0)
      do {
        const at = load<usize>(t)
        t += 4
        let w0: v128
        let w1: v128
        let x0: v128
        let x1: v128
        let x2: v128
        let x3: v128
        if (idof<T>() === idof<Broad>()) {
          w0 = v128.load32_splat(w)
          w1 = v128.load32_splat(w, 4)
          w += 8
          x0 = v128.load(p0 + at)
          x1 = v128.load(p0 + at, 16)
          c00 = Arithmetic.multiplyAdd(x0, w0, c00)
          c01 = Arithmetic.multiplyAdd(x1, w0, c01)
          d00 = Arithmetic.multiplyAdd(x0, w1, d00)
          d01 = Arithmetic.multiplyAdd(x1, w1, d01)
          x0 = v128.load(p1 + at)
          x1 = v128.load(p1 + at, 16)
          c10 = Arithmetic.multiplyAdd(x0, w0, c10)
          c11 = Arithmetic.multiplyAdd(x1, w0, c11)
          d10 = Arithmetic.multiplyAdd(x0, w1, d10)
          d11 = Arithmetic.multiplyAdd(x1, w1, d11)
          x0 = v128.load(p2 + at)
          x1 = v128.load(p2 + at, 16)
          c20 = Arithmetic.multiplyAdd(x0, w0, c20)
          c21 = Arithmetic.multiplyAdd(x1, w0, c21)
          d20 = Arithmetic.multiplyAdd(x0, w1, d20)
          d21 = Arithmetic.multiplyAdd(x1, w1, d21)
          x0 = v128.load(p3 + at)
          x1 = v128.load(p3 + at, 16)
          c30 = Arithmetic.multiplyAdd(x0, w0, c30)
          c31 = Arithmetic.multiplyAdd(x1, w0, c31)
          d30 = Arithmetic.multiplyAdd(x0, w1, d30)
          d31 = Arithmetic.multiplyAdd(x1, w1, d31)
        } else if (idof<T>() === idof<Deep>()) {
          w0 = v128.load32_splat(w)
          w += 4
          c00 = Arithmetic.multiplyAdd(v128.load(p0 + at), w0, c00)
          c01 = Arithmetic.multiplyAdd(v128.load(p0 + at, 16), w0, c01)
          c10 = Arithmetic.multiplyAdd(v128.load(p1 + at), w0, c10)
          c11 = Arithmetic.multiplyAdd(v128.load(p1 + at, 16), w0, c11)
          c20 = Arithmetic.multiplyAdd(v128.load(p2 + at), w0, c20)
          c21 = Arithmetic.multiplyAdd(v128.load(p2 + at, 16), w0, c21)
          c30 = Arithmetic.multiplyAdd(v128.load(p3 + at), w0, c30)
          c31 = Arithmetic.multiplyAdd(v128.load(p3 + at, 16), w0, c31)
        } else if (idof<T>() === idof<Wide>() || idof<T>() === idof<Along>()) {
          if (idof<T>() === idof<Wide>()) {
            w0 = v128.load32_splat(w)
            w1 = v128.load32_splat(w, 4)
            w += 8
          } else {
            w0 = v128.load(w)
            w1 = v128.load(w + last)
            w += 16
          }
          x0 = v128.load(p0 + at)
          c00 = Arithmetic.multiplyAdd(x0, w0, c00)
          c01 = Arithmetic.multiplyAdd(x0, w1, c01)
          x1 = v128.load(p1 + at)
          c10 = Arithmetic.multiplyAdd(x1, w0, c10)
          c11 = Arithmetic.multiplyAdd(x1, w1, c11)
          x2 = v128.load(p2 + at)
          c20 = Arithmetic.multiplyAdd(x2, w0, c20)
          c21 = Arithmetic.multiplyAdd(x2, w1, c21)
          x3 = v128.load(p3 + at)
          c30 = Arithmetic.multiplyAdd(x3, w0, c30)
          c31 = Arithmetic.multiplyAdd(x3, w1, c31)
        } else {
          w0 = v128.load(w)
          w1 = v128.load(w, 16)
          w += step
          x0 = v128.load32_splat(p0 + at)
          c00 = Arithmetic.multiplyAdd(x0, w0, c00)
          c01 = Arithmetic.multiplyAdd(x0, w1, c01)
          x1 = v128.load32_splat(p1 + at)
          c10 = Arithmetic.multiplyAdd(x1, w0, c10)
          c11 = Arithmetic.multiplyAdd(x1, w1, c11)
          x2 = v128.load32_splat(p2 + at)
          c20 = Arithmetic.multiplyAdd(x2, w0, c20)
          c21 = Arithmetic.multiplyAdd(x2, w1, c21)
          x3 = v128.load32_splat(p3 + at)
          c30 = Arithmetic.multiplyAdd(x3, w0, c30)
          c31 = Arithmetic.multiplyAdd(x3, w1, c31)
        }
      } while (--steps !== 0)
    if (idof<T>() === idof<Sums>() || idof<T>() === idof<Along>()) {
      v128.store(y0, f32x4.add(v128.load(y0), c00))
      v128.store(y0, f32x4.add(v128.load(y0, 16), c01), 16)
      v128.store(y0, f32x4.add(v128.load(y0, 32), c10), 32)
      v128.store(y0, f32x4.add(v128.load(y0, 48), c11), 48)
      v128.store(y0, f32x4.add(v128.load(y0, 64), c20), 64)
      v128.store(y0, f32x4.add(v128.load(y0, 80), c21), 80)
      v128.store(y0, f32x4.add(v128.load(y0, 96), c30), 96)
      v128.store(y0, f32x4.add(v128.load(y0, 112), c31), 112)
    } else {
      const least = f32x4.splat(floor)
      let bias0: v128
      let bias1: v128
      if (idof<T>() === idof<Wide>() || idof<T>() === idof<Broad>()) {
        bias0 = v128.load32_splat(start)
        bias1 = v128.load32_splat(start, 4)
      } else if (idof<T>() === idof<Deep>()) {
        bias0 = v128.load32_splat(start)
        bias1 = bias0
      } else {
        bias0 = v128.load(start)
        bias1 = v128.load(start, 16)
      }
      if (idof<T>() === idof<Wide>()) {
        v128.store(y0 + last, f32x4.pmax(f32x4.add(c01, bias1), least))
        v128.store(y1 + last, f32x4.pmax(f32x4.add(c11, bias1), least))
        v128.store(y2 + last, f32x4.pmax(f32x4.add(c21, bias1), least))
        v128.store(y3 + last, f32x4.pmax(f32x4.add(c31, bias1), least))
        v128.store(y0, f32x4.pmax(f32x4.add(c00, bias0), least))
        v128.store(y1, f32x4.pmax(f32x4.add(c10, bias0), least))
        v128.store(y2, f32x4.pmax(f32x4.add(c20, bias0), least))
        v128.store(y3, f32x4.pmax(f32x4.add(c30, bias0), least))
      } else if (idof<T>() === idof<Broad>()) {
        v128.store(y0 + last, f32x4.pmax(f32x4.add(d00, bias1), least))
        v128.store(y0 + last, f32x4.pmax(f32x4.add(d01, bias1), least), 16)
        v128.store(y1 + last, f32x4.pmax(f32x4.add(d10, bias1), least))
        v128.store(y1 + last, f32x4.pmax(f32x4.add(d11, bias1), least), 16)
        v128.store(y2 + last, f32x4.pmax(f32x4.add(d20, bias1), least))
        v128.store(y2 + last, f32x4.pmax(f32x4.add(d21, bias1), least), 16)
        v128.store(y3 + last, f32x4.pmax(f32x4.add(d30, bias1), least))
        v128.store(y3 + last, f32x4.pmax(f32x4.add(d31, bias1), least), 16)
        v128.store(y0, f32x4.pmax(f32x4.add(c00, bias0), least))
        v128.store(y0, f32x4.pmax(f32x4.add(c01, bias0), least), 16)
        v128.store(y1, f32x4.pmax(f32x4.add(c10, bias0), least))
        v128.store(y1, f32x4.pmax(f32x4.add(c11, bias0), least), 16)
        v128.store(y2, f32x4.pmax(f32x4.add(c20, bias0), least))
        v128.store(y2, f32x4.pmax(f32x4.add(c21, bias0), least), 16)
        v128.store(y3, f32x4.pmax(f32x4.add(c30, bias0), least))
        v128.store(y3, f32x4.pmax(f32x4.add(c31, bias0), least), 16)
      } else if (idof<T>() === idof<Deep>()) {
        v128.store(y0, f32x4.pmax(f32x4.add(c00, bias0), least))
        v128.store(y0, f32x4.pmax(f32x4.add(c01, bias1), least), 16)
        v128.store(y1, f32x4.pmax(f32x4.add(c10, bias0), least))
        v128.store(y1, f32x4.pmax(f32x4.add(c11, bias1), least), 16)
        v128.store(y2, f32x4.pmax(f32x4.add(c20, bias0), least))
        v128.store(y2, f32x4.pmax(f32x4.add(c21, bias1), least), 16)
        v128.store(y3, f32x4.pmax(f32x4.add(c30, bias0), least))
        v128.store(y3, f32x4.pmax(f32x4.add(c31, bias1), least), 16)
      } else {
        const plane2 = min(plane + plane, last)
        const plane3 = min(plane2 + plane, last)
        const plane4 = min(plane3 + plane, last)
        const plane5 = min(plane4 + plane, last)
        const plane6 = min(plane5 + plane, last)
        const plane7 = min(plane6 + plane, last)
        const plane1 = min(plane, last)
        if (idof<T>() === idof<Tall>()) {
          Transposed.store(c01, c11, c21, c31, bias1, y0 + plane4, y0 + plane5, y0 + plane6, y0 + plane7, least)
          Transposed.store(c00, c10, c20, c30, bias0, y0, y0 + plane1, y0 + plane2, y0 + plane3, least)
        } else {
          const upper1 = plane5 - plane4
          const upper2 = plane6 - plane4
          const upper3 = plane7 - plane4
          Transposed.scatter(f32x4.pmax(f32x4.add(c01, bias1), least), y0 + plane4, upper1, upper2, upper3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c11, bias1), least), y1 + plane4, upper1, upper2, upper3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c21, bias1), least), y2 + plane4, upper1, upper2, upper3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c31, bias1), least), y3 + plane4, upper1, upper2, upper3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c00, bias0), least), y0, plane1, plane2, plane3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c10, bias0), least), y1, plane1, plane2, plane3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c20, bias0), least), y2, plane1, plane2, plane3)
          Transposed.scatter(f32x4.pmax(f32x4.add(c30, bias0), least), y3, plane1, plane2, plane3)
        }
      }
    }
    tiles += tileBytes
  } while (--count > 0)
}

type Tile = (
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
) => void

function wide(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Wide>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

function tall(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Tall>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

function scattered(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Scattered>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

function sums(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Sums>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

function deep(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Deep>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

function along(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Along>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

function broad(
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  tile<Broad>(count, tiles, x, taps, weight, step, start, y, plane, last, floor)
}

const table: StaticArray<Tile> = [wide, tall, scattered, sums, deep, along, broad]
/** The number of `along`. */
export const ALONG: i32 = 5

/** Runs tiles of a kind. */
export function run(
  kind: i32,
  count: i32,
  tiles: usize,
  x: usize,
  taps: usize,
  weight: usize,
  step: usize,
  start: usize,
  y: usize,
  plane: usize,
  last: usize,
  floor: f32,
): void {
  call_indirect<void>(
    load<u32>(changetype<usize>(unchecked(table[kind]))),
    count,
    tiles,
    x,
    taps,
    weight,
    step,
    start,
    y,
    plane,
    last,
    floor,
  )
}
