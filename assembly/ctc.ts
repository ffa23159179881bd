// Connectionist temporal classification (Graves et al. 2006), in logarithms: each sample by itself, over the states of its target, which are
// blank, label, blank, ..., label, blank. A path may stay, go on, or pass over a blank between two different labels.
//
// Sums are double: their logarithms grow with time, while what is added to them in a step does not; so float32's exp and log are enough for it.
// @cost 20: nanoseconds a state and time step on one thread; below the grain (src/wasm/pool.ts) nothing is forked.
import { Exp } from './math/exp'
import { Log } from './math/log'
import { report } from './status'

@unmanaged
export class CtcTask {
  /** Logarithms of probabilities, [batch, time, classes]. */
  x: usize
  /** Labels, [batch, longest]; what is behind a target is not read. */
  targets: usize
  /** How many steps and how many labels each sample has. */
  lengths: usize
  targetLengths: usize
  /** The loss of each sample, or, if `slopes` is not 0, only its derivatives by x, where they are written. */
  losses: usize
  slopes: usize
  /** For each sample a row of 2 longest + 1 doubles; with slopes time + 2 such rows. */
  rows: usize
  time: i32
  classes: i32
  longest: i32
  blank: i32
  /** Gets 1 + the place of the first label that is none; behind the labels count the lengths, then those of the targets. */
  status: usize
}

/** e^x, four at a time: in one place, for its size. */
function exp(x: v128): v128 {
  return Exp.orZero(x)
}

/** log (e^a + e^b + e^c) */
function total(a: f64, b: f64, c: f64): f64 {
  const largest = max(max(a, b), c)
  if (largest === -Infinity) return largest
  const two = f32x4.replace_lane(f32x4.splat(<f32>(a - largest)), 1, <f32>(b - largest))
  const e = exp(f32x4.replace_lane(two, 2, <f32>(c - largest)))
  const sum = f32x4.extract_lane(e, 0) + f32x4.extract_lane(e, 1) + f32x4.extract_lane(e, 2)
  return largest + <f64>f32x4.extract_lane(Log.log(f32x4.splat(sum)), 0)
}

class State {
  /** What a row has for state s, if a path may come from there. */
  @inline static of(row: usize, s: i32, isThere: bool): f64 {
    return isThere ? load<f64>(row + ((<usize>s) << 3)) : -Infinity
  }
}

/** May a path come to state s from s - 2? */
function skips(labels: usize, s: i32): bool {
  const label = labels + ((<usize>s >> 1) << 2)
  return s > 2 && (s & 1) !== 0 && load<i32>(label) !== load<i32>(label - 4)
}

/** A row of logarithms of nothing, but for that of 1 at one state. */
function begun(row: usize, states: i32, one: i32): void {
  for (let s = 0; s < states; s++) store<f64>(row + ((<usize>s) << 3), s === one ? 0 : -Infinity)
}

/** `begin` and `end` count samples. */
export function ctc(task: CtcTask, begin: i32, end: i32): void {
  const slopes = task.slopes
  const longest = <usize>task.longest
  const time = <usize>task.time
  const step = (<usize>task.classes) << 2
  const rowBytes = (2 * longest + 1) << 3
  const next = slopes ? rowBytes : 0
  const ofSample = slopes ? (time + 2) * rowBytes : rowBytes
  for (let b = <usize>begin; b < <usize>end; b++) {
    const labels = task.targets + ((b * longest) << 2)
    const length = load<i32>(task.lengths + (b << 2))
    const count = load<i32>(task.targetLengths + (b << 2))
    if (!slopes) {
      const place = <i32>(b * (longest + 2))
      if (<u32>length > <u32>task.time) return report(task.status, place + task.longest)
      if (<u32>count > <u32>task.longest) return report(task.status, place + task.longest + 1)
      for (let i = 0; i < count; i++) {
        const label = load<i32>(labels + ((<usize>i) << 2))
        if (<u32>label >= <u32>task.classes || label === task.blank) return report(task.status, place + i)
      }
    }
    const states = 2 * count + 1
    let row = task.rows + b * ofSample
    let x = task.x + b * time * step
    begun(row, states, 0)
    for (let t = 0; t < length; t++, x += step, row += next) {
      // From the last state on, so that the row may be the one that is read.
      for (let s = states - 1; s >= 0; s--) {
        const sum = total(State.of(row, s, true), State.of(row, s - 1, s > 0), State.of(row, s - 2, skips(labels, s)))
        const label = s & 1 ? load<i32>(labels + ((<usize>s >> 1) << 2)) : task.blank
        store<f64>(row + next + ((<usize>s) << 3), sum + <f64>load<f32>(x + ((<usize>label) << 2)))
      }
    }
    const all = total(State.of(row, states - 1, true), State.of(row, states - 2, count > 0), -Infinity)
    if (!slopes) {
      store<f32>(task.losses + (b << 2), <f32>(0 - all))
      continue
    }
    let out = slopes + b * time * step
    memory.fill(out, 0, time * step)
    if (all === -Infinity) continue
    out += <usize>length * step
    const back = row + rowBytes
    begun(back, states, states - 1)
    for (let t = 0; t < length; t++, row -= rowBytes) {
      x -= step
      out -= step
      for (let s = 0; s < states; s++) {
        const maySkip = s + 2 < states && skips(labels, s + 2)
        const sum = total(State.of(back, s, true), State.of(back, s + 1, s + 1 < states), State.of(back, s + 2, maySkip))
        const label = s & 1 ? load<i32>(labels + ((<usize>s >> 1) << 2)) : task.blank
        const share = exp(f32x4.splat(<f32>(State.of(row, s, true) + sum - all)))
        const q = out + ((<usize>label) << 2)
        store<f32>(q, load<f32>(q) - f32x4.extract_lane(share, 0))
        store<f64>(back + ((<usize>s) << 3), sum + <f64>load<f32>(x + ((<usize>label) << 2)))
      }
    }
  }
}
