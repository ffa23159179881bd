// What is differentiated, replayed or cleaned up behind is not async.
import { Cache, gradient, jit, keep, ones, params, pullback, scope, type Tensor, withCache, withGradient } from 'fluxtape'

const x = ones([2])
const ps = params(x)
const isLate = Math.random() > 0.5

export const number: number = scope(() => x.sum().item())
export const tensor: Tensor = scope(() => x.mul(2))
export const nothing: undefined = scope(() => undefined)
export const known: unknown = scope(() => JSON.parse('3') as unknown)
export const any: string = scope(() => JSON.parse('"a"'))
export const list: Tensor[] = scope(() => [x, keep(x)])
export const record: { readonly a: Tensor | undefined } = scope(() => ({ a: isLate ? x : undefined }))
export const generic = <T extends Tensor>(t: T): T => scope<T>((() => t) as () => never)
export const replayed: (a: Tensor) => Tensor = jit((a: Tensor) => a.sum())
export const several = jit((a: Tensor): [Tensor, Tensor] => [a.sum(), a])
export const named = jit((a: Tensor) => ({ sum: a.sum(), a }))
export const slope: Tensor = gradient(a => a.mul(a), 3)[0]
export const both = withGradient((a: Tensor) => [a.sum(), 'text'] as const, x).value[1]

scope(async () => x.sum()) // error 2322 at x.sum()
async function late(): Promise<void> {}
scope(late) // error 2345 at late
scope(() => Promise.resolve(x)) // error 2322 at Promise
withCache(Cache(), async () => x.sum()) // error 2322 at x.sum()
scope(() => (isLate ? Promise.resolve(x) : x)) // error 2322 at (isLate
gradient(async () => x.sum(), ps) // error 2769 at x.sum()
gradient(async (a: Tensor) => a.sum(), x) // error 2769 at async
withGradient(async () => x.sum(), ps) // error 2769 at x.sum()
pullback(async (a: Tensor) => a.exp(), x) // error 2769 at async
jit(async (a: Tensor) => a.sum()) // error 2345 at async
gradient(x, ps) // error 2769 at x
