/** The arithmetic of both variants, decided when compiled. */
export class Arithmetic {
  /** x * y + z: rounded once in the relaxed variant, twice in the baseline. */
  // @ts-ignore: decorator
  @inline static multiplyAdd(x: v128, y: v128, z: v128): v128 {
    return f32x4.relaxed_madd(x, y, z)
  }
}

/**
 * A vector at a ragged right edge, without a branch: lane i lies at `p + at_i`, and a lane beyond the edge has `at_i` 0, so it
 * reads lane 0, and writes there before lane 0 does.
 */
export class Lanes {
  // @ts-ignore: decorator
  @inline static load(p: usize, at1: usize, at2: usize, at3: usize): v128 {
    const v = v128.load32_lane(p + at1, v128.load32_zero(p), 1)
    return v128.load32_lane(p + at3, v128.load32_lane(p + at2, v, 2), 3)
  }

  // @ts-ignore: decorator
  @inline static store(p: usize, v: v128, at1: usize, at2: usize, at3: usize): void {
    v128.store32_lane(p + at3, v, 3)
    v128.store32_lane(p + at2, v, 2)
    v128.store32_lane(p + at1, v, 1)
    v128.store32_lane(p, v, 0)
  }
}

/** Where 64 bytes of zeros lie. */
export class Zeros {
  // @ts-ignore: decorator
  @inline static at(): usize {
    return memory.data<u64>([0, 0, 0, 0, 0, 0, 0, 0], 16)
  }
}
