import { fusion } from '../../src/ops/fusion.ts'

/** Runs `f` with every fused path switched off. */
export function unfused<T>(f: () => T): T {
  const saved = { ...fusion }
  for (const name of Object.keys(fusion) as (keyof typeof fusion)[]) fusion[name] = false
  try {
    return f()
  } finally {
    Object.assign(fusion, saved)
  }
}
