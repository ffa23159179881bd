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

/** What `f` gives, and whether it asked for any fused path: if it did not, it does the same with all of them switched off. */
export function asking<T>(f: () => T): [result: T, asked: boolean] {
  const saved = { ...fusion }
  let asked = false
  for (const [name, value] of Object.entries(saved)) {
    const get = () => {
      asked = true
      return value
    }
    Object.defineProperty(fusion, name, { get, configurable: true, enumerable: true })
  }
  try {
    const result = f()
    return [result, asked]
  } finally {
    for (const [name, value] of Object.entries(saved))
      Object.defineProperty(fusion, name, { value, writable: true, configurable: true, enumerable: true })
  }
}
