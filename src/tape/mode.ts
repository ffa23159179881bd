let depth = 0

/** Is a gradient being taken? Layers such as Dropout act only then, unless `trainMode` or `testMode` overrule. */
export function isTraining(): boolean {
  return depth > 0
}

/** Runs `f` in training mode. */
export function training<T>(f: () => T): T {
  const outer = depth
  depth = outer + 1
  try {
    return f()
  } finally {
    depth = outer
  }
}
