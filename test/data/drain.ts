import type { Tensor } from 'fluxtape'

/** What is in the batches, as nested arrays. */
export const drain = (loader: Iterable<unknown>): unknown[] => {
  const seen: unknown[] = []
  for (const batch of loader) seen.push(plain(batch))
  return seen
}

export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (typeof (value as Tensor).toArray === 'function') return (value as Tensor).toArray()
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}
