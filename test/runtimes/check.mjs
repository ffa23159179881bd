// What the cases of the suite check with: no test framework runs in every runtime.

export function ok(condition, message) {
  if (!condition) throw new Error(message)
}

export function same(actual, expected, what) {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  ok(a === b, `${what}: ${shorten(a)} came, expected ${shorten(b)}`)
}

/** Numbers, or lists of them, within `tolerance * max(1, |expected|)`. */
export function close(actual, expected, tolerance, what) {
  const [got, wanted] = [flat(actual), flat(expected)]
  ok(got.length === wanted.length, `${what}: ${got.length} numbers came, expected ${wanted.length}`)
  for (let i = 0; i < wanted.length; i++) {
    if (Object.is(got[i], wanted[i]) || Math.abs(got[i] - wanted[i]) <= tolerance * Math.max(1, Math.abs(wanted[i]))) continue
    throw new Error(`${what}: entry ${i} of ${wanted.length} is ${got[i]}, expected ${wanted[i]}`)
  }
}

/** Throws unless `f` throws, or its promise rejects with, an error of the name whose message matches. */
export async function throws(f, name, pattern, what) {
  let result
  try {
    result = await f()
  } catch (error) {
    ok(error.name === name && pattern.test(error.message), `${what}: ${error.name}: ${error.message}; expected ${name} ${pattern}`)
    return error
  }
  throw new Error(`${what}: nothing was thrown, ${String(result)} came; expected ${name} ${pattern}`)
}

/** Numbers from -1 to 1 that are float32, the same everywhere. */
export function numbers(n, seed = 1) {
  let state = seed * 2654435761
  return Float32Array.from({ length: n }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) / 2 ** 23 - 1
  })
}

function flat(value) {
  return typeof value === 'number' ? [value] : Array.from(value)
}

function shorten(text) {
  return text === undefined || text.length < 120 ? text : `${text.slice(0, 120)}...`
}
