// Elements as whole numbers that order as they do.

/** Keys order as the elements do: NaN above Infinity, both zeros alike. */
@unmanaged
export class FloatKey {
  @inline f(p: usize): i32 {
    const x = load<f32>(p)
    if (x !== x) return i32.MAX_VALUE
    const bits = reinterpret<i32>(x)
    return x === 0 ? 0 : bits ^ ((bits >> 31) & i32.MAX_VALUE)
  }
}
@unmanaged
export class IntKey {
  @inline f(p: usize): i32 {
    return load<i32>(p)
  }
}
