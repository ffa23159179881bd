// Depthwise convolutions by 3 x 3 with one zero around, of stride 1 or 2: what the tiles (tiled.ts) make of them, in the same order of sums, without a
// copy that has the zeros. Rows outside are left out; a vector's neighbours are loaded, and at an edge shifted in.
//
// The larger planes are [height, width], the smaller ones, which with stride 1 have the same sizes, [rows, columns]; columns are 4 or more, and with stride 2 half of
// the width. The last vector of a row overlaps the one before it.
// @cost 0.06: nanoseconds a multiplication
import { Arithmetic } from '../gemm/lanes'

@unmanaged
export class Depthwise {
  x: usize
  weight: usize
  y: usize
  /** Null: 0. */
  bias: usize
  batch: i32
  channels: i32
  height: i32
  width: i32
  rows: i32
  columns: i32
  stride: i32
  /** 0: x from y and the weight, with stride 1; 1: the weight from x and y, where columns are whole vectors; 2: y. */
  pass: i32
  /** 1: relu of the result. */
  epilogue: i32
  /** Of the weight alone: for each channel 72 floats, and a plane of two rows and four columns more than x. */
  scratch: usize
}

/** Lanes of a vector as they are; one higher, behind a zero; one lower, before a zero. */
const SAME: usize = memory.data<u8>([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], 16)
const HIGHER: usize = memory.data<u8>([128, 128, 128, 128, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 16)
const LOWER: usize = memory.data<u8>([4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 128, 128, 128, 128], 16)

/** Stride 1. */
class Every {}
/** Stride 2. */
class Second {}

/** What the three columns of the kernel see of a row, from `p` on. */
class Row {
  /** The neighbours at a distance, or at an edge the vector itself, moved by a lane. */
  // @ts-ignore: decorator
  @inline static beside(p: usize, lanes: v128): v128 {
    return i8x16.relaxed_swizzle(v128.load(p), lanes)
  }
  // @ts-ignore: decorator
  @inline static first<T>(p: usize, at: usize, lanes: v128): v128 {
    const beside = Row.beside(p + at, lanes)
    return idof<T>() === idof<Second>() ? v128.shuffle<f32>(beside, v128.load(p, 12), 0, 2, 4, 6) : beside
  }
  // @ts-ignore: decorator
  @inline static second<T>(p: usize): v128 {
    return idof<T>() === idof<Second>() ? v128.shuffle<f32>(v128.load(p), v128.load(p, 16), 0, 2, 4, 6) : v128.load(p)
  }
  // @ts-ignore: decorator
  @inline static third<T>(p: usize, at: usize, lanes: v128): v128 {
    return idof<T>() === idof<Second>() ? v128.shuffle<f32>(v128.load(p), v128.load(p, 16), 1, 3, 5, 7) : Row.beside(p + at, lanes)
  }
}

/**
 * Nine sums of an image, in four lanes, of the products of its places in their order. What a place sees begins at p for the first column of the kernel, `second` and
 * `third` bytes further on for the others, and a `pitch` further on for each row; places have so many `columns`, and rows of them begin `rest` bytes behind the last.
 */
function sum(p: usize, y: usize, sums: usize, rows: i32, columns: i32, pitch: usize, rest: usize, second: usize, third: usize): void {
  let s0 = f32x4.splat(0)
  let s1 = s0
  let s2 = s0
  let s3 = s0
  let s4 = s0
  let s5 = s0
  let s6 = s0
  let s7 = s0
  let s8 = s0
  for (; rows > 0; rows--, p += rest) {
    for (let q = columns; q > 0; q -= 4, p += 16, y += 16) {
      const g = v128.load(y)
      const below = p + pitch
      const last = below + pitch
      s0 = Arithmetic.multiplyAdd(v128.load(p), g, s0)
      s1 = Arithmetic.multiplyAdd(v128.load(p + second), g, s1)
      s2 = Arithmetic.multiplyAdd(v128.load(p + third), g, s2)
      s3 = Arithmetic.multiplyAdd(v128.load(below), g, s3)
      s4 = Arithmetic.multiplyAdd(v128.load(below + second), g, s4)
      s5 = Arithmetic.multiplyAdd(v128.load(below + third), g, s5)
      s6 = Arithmetic.multiplyAdd(v128.load(last), g, s6)
      s7 = Arithmetic.multiplyAdd(v128.load(last + second), g, s7)
      s8 = Arithmetic.multiplyAdd(v128.load(last + third), g, s8)
    }
  }
  v128.store(sums, s0)
  v128.store(sums, s1, 16)
  v128.store(sums, s2, 32)
  v128.store(sums, s3, 48)
  v128.store(sums, s4, 64)
  v128.store(sums, s5, 80)
  v128.store(sums, s6, 96)
  v128.store(sums, s7, 112)
  v128.store(sums, s8, 128)
}

/**
 * The weight, as in `convSums` along vectors: images follow each other, of which each plane is copied with zeros around it, and with stride 2 the odd columns of a row
 * before the even ones.
 */
function weights(task: Depthwise, begin: i32, end: i32): void {
  const channels = <usize>task.channels
  const isSecond = task.stride === 2
  const width = (<usize>task.width) << 2
  const half = (<usize>task.columns) << 2
  const large = <usize>task.height * width
  const small = <usize>task.rows * half
  const pitch = width + 16
  const own = <usize>(task.height + 2) * pitch + 288
  const second = isSecond ? half + 4 : 4
  for (; begin < end; begin++) {
    const sums = task.scratch + <usize>begin * own
    memory.fill(sums, 0, own)
    let x = task.x + <usize>begin * large
    let y = task.y + <usize>begin * small
    for (let image = task.batch; image > 0; image--) {
      let to = sums + 292 + pitch
      const next = x + large
      for (; x < next; to += 16 + width - half) {
        for (const row = to + half; to < row; to += 16, x += 16) {
          let v = v128.load(x)
          if (isSecond) {
            x += 16
            const w = v128.load(x)
            v128.store(to + half, v128.shuffle<f32>(v, w, 0, 2, 4, 6))
            v = v128.shuffle<f32>(v, w, 1, 3, 5, 7)
          }
          v128.store(to, v)
        }
      }
      sum(sums + 288, y, sums + 144, task.rows, task.columns, pitch, isSecond ? pitch + pitch - half : 16, second, isSecond ? 4 : 8)
      for (let k: usize = 0; k < 144; k += 16) v128.store(sums + k, f32x4.add(v128.load(sums + k), v128.load(sums + k, 144)))
      x += (channels - 1) * large
      y += channels * small
    }
    for (let k: usize = 0; k < 9; k++) {
      const at = sums + (k << 4)
      store<f32>(task.weight + ((<usize>begin * 9 + k) << 2), load<f32>(at) + load<f32>(at, 8) + (load<f32>(at, 4) + load<f32>(at, 12)))
    }
  }
}

/**
 * y [batch, channels, rows, columns] from x [batch, channels, height, width] and the weight [channels, 3, 3], or with stride 1 x from y and the weight, which is the
 * same from the last row to the first and from right to left, or the weight from both. Units are planes, of the weight channels.
 */
export function depthwise(task: Depthwise, begin: i32, end: i32): void {
  if (task.pass === 1) return weights(task, begin, end)
  const isSecond = task.stride === 2
  const mirrored = task.pass === 0
  const columns = task.columns
  const height = task.height
  const row = (<usize>columns) << 2
  const pitch = (<usize>task.width) << 2
  // From the first row of the kernel to the last, which in the gradient of the input go upwards.
  const step = mirrored ? 0 - pitch : pitch
  const start = mirrored ? <usize>(height - 1) * pitch : 0
  const floor = f32x4.splat(task.epilogue ? 0 : -Infinity)
  let plane = (mirrored ? task.y : task.x) + <usize>begin * <usize>height * pitch
  let out = (mirrored ? task.x : task.y) + <usize>begin * <usize>task.rows * row
  for (; begin < end; begin++) {
    const channel = <usize>(begin % task.channels)
    const weight = task.weight + channel * 36
    const w0 = v128.load32_splat(weight)
    const w1 = v128.load32_splat(weight, 4)
    const w2 = v128.load32_splat(weight, 8)
    const w3 = v128.load32_splat(weight, 12)
    const w4 = v128.load32_splat(weight, 16)
    const w5 = v128.load32_splat(weight, 20)
    const w6 = v128.load32_splat(weight, 24)
    const w7 = v128.load32_splat(weight, 28)
    const w8 = v128.load32_splat(weight, 32)
    const bias = f32x4.splat(task.bias ? load<f32>(task.bias + (channel << 2)) : 0)
    const zero = f32x4.splat(0)
    for (let q = 0; q < columns; q += 4) {
      const place = min(q, columns - 4)
      const left: usize = place ? -4 : 0
      const right: usize = place + 4 < columns ? 4 : 0
      const leftLanes = place ? SAME : HIGHER
      const rightLanes = right ? SAME : LOWER
      const at0 = mirrored ? right : left
      const at2 = mirrored ? left : right
      const lanes0 = v128.load(mirrored ? rightLanes : leftLanes)
      const lanes2 = v128.load(mirrored ? leftLanes : rightLanes)
      let to = out + start + ((<usize>place) << 2)
      // Sums that have seen the first row of the kernel.
      let sum = zero
      if (isSecond) {
        let p = plane + ((<usize>place) << 3)
        for (let i = height; i > 0; i -= 2, p += pitch << 1, to += row) {
          sum = Arithmetic.multiplyAdd(Row.first<Second>(p, at0, lanes0), w3, sum)
          sum = Arithmetic.multiplyAdd(Row.second<Second>(p), w4, sum)
          sum = Arithmetic.multiplyAdd(Row.third<Second>(p, at2, lanes2), w5, sum)
          let next = zero
          if (i > 1) {
            const a = Row.first<Second>(p + pitch, at0, lanes0)
            const b = Row.second<Second>(p + pitch)
            const c = Row.third<Second>(p + pitch, at2, lanes2)
            sum = Arithmetic.multiplyAdd(c, w8, Arithmetic.multiplyAdd(b, w7, Arithmetic.multiplyAdd(a, w6, sum)))
            next = Arithmetic.multiplyAdd(c, w2, Arithmetic.multiplyAdd(b, w1, Arithmetic.multiplyAdd(a, w0, zero)))
          }
          v128.store(to, f32x4.pmax(f32x4.add(sum, bias), floor))
          sum = next
        }
      } else {
        let p = plane + start + ((<usize>place) << 2)
        // Those that have seen two; what the first row of the input stores there is stored over.
        let before = zero
        let forth: usize = 0
        for (let i = height; i > 0; i--, p += step) {
          const a = Row.first<Every>(p, at0, lanes0)
          const b = v128.load(p)
          const c = Row.third<Every>(p, at2, lanes2)
          before = Arithmetic.multiplyAdd(c, w8, Arithmetic.multiplyAdd(b, w7, Arithmetic.multiplyAdd(a, w6, before)))
          v128.store(to, f32x4.pmax(f32x4.add(before, bias), floor))
          to += forth
          forth = step
          before = Arithmetic.multiplyAdd(c, w5, Arithmetic.multiplyAdd(b, w4, Arithmetic.multiplyAdd(a, w3, sum)))
          sum = Arithmetic.multiplyAdd(c, w2, Arithmetic.multiplyAdd(b, w1, Arithmetic.multiplyAdd(a, w0, zero)))
        }
        v128.store(to, f32x4.pmax(f32x4.add(before, bias), floor))
      }
    }
    plane += <usize>height * pitch
    out += <usize>task.rows * row
  }
}
