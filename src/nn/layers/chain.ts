import { gaveNone, givenBy, kindOf, placed, refuseSurplus, typeError } from '../../errors.ts'
import { CLONE } from '../../params/clone.ts'
import { isPlain } from '../../tensor/realm.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { type Layer, layer } from '../layer.ts'
import { wrap } from '../reads.ts'

/** A layer, or any function from what came before to what comes next. */
// biome-ignore lint/suspicious/noExplicitAny: what flows between two links is known to them alone
export type Link = (...inputs: any[]) => any

/** Any of the links. */
type AnyOf<Links> = Links extends readonly unknown[] ? Links[number] : Links[keyof Links]

/** The links of a tuple by their indices, as far as it tells them. */
type Indexed<Links> = Links extends readonly unknown[] ? { readonly [I in Exclude<keyof Links, keyof unknown[]>]: Links[I] } : unknown

/**
 * What `Chain` makes: from what its first link takes, a tensor [batch, ...], to what its last one gives. `model[0]` is the first link, `model.layers`
 * holds all of them, as a tuple where they were written out.
 */
export type ChainLayer<Links = readonly Link[]> = Layer<{ readonly layers: Links }, [x: Tensor], Tensor> &
  Iterable<AnyOf<Links>> &
  Indexed<Links> & { readonly [index: number]: AnyOf<Links> }

/** What `Chain` makes of links with names: each is a property, too. */
export type NamedChain<Links> = ChainLayer<Links> & Readonly<Links>

/**
 * Layers and functions one after the other: `Chain(Dense(784, 64, relu), Dense(64, 10))`, or with names
 * `Chain({ hidden: Dense(784, 64, relu), out: Dense(64, 10) })`.
 *
 * The layers are `model[0]` or `model.hidden`, and `model.layers` holds them all; a chain can be iterated and nested. `Chain()` is the
 * identity. Throws TypeError for what is no link, and for a link that gives nothing or a promise.
 *
 * @example Chain(Dense(4, 3, relu), Dense(3, 2))(zeros([5, 4])).shape // [5, 2]
 */
export function Chain<Links extends readonly Link[]>(...links: Links): ChainLayer<Links>
export function Chain<Links extends Readonly<Record<string, Link>>>(links: Links): NamedChain<Links>
export function Chain(...args: [Readonly<Record<string, Link>>] | Link[]): ChainLayer {
  const [first] = args
  const named = args.length === 1 && isPlain(first)
  const layers = named ? { ...(first as Readonly<Record<string, Link>>) } : (args as Link[])
  const kind = (link: unknown) => (isClass(link) ? 'a class' : kindOf(link))
  const odd = Object.entries(layers).find(([, link]) => typeof link !== 'function' || isClass(link))
  if (odd) {
    const isModule = 'forward' in Object(Object(odd[1]).prototype ?? odd[1])
    const wayOut = isModule ? "Write a class with forward as layer('Own', { w }, (self, x) => y)." : ''
    throw typeError(
      'Chain',
      'every link is a layer or a function',
      `${named ? `'${odd[0]}'` : `number ${odd[0]}`} is ${kind(odd[1])}`,
      Array.isArray(odd[1]) ? 'Write Chain(...layers) for a list.' : wayOut,
    )
  }
  return chainOf(layers)
}

/** A class cannot be called. */
function isClass(link: unknown): boolean {
  return typeof link === 'function' && /^class\b/.test(Function.prototype.toString.call(link))
}

/** Lists, records and numbers may flow, too; throws TypeError for what was forgotten to be returned or awaited. */
function checkFlow(flow: unknown): void {
  if (flow === undefined || flow === null || kindOf(flow) === 'a promise') throw gaveNone('Chain', 'a link', flow)
}

function placeOf(links: object, key: string): string {
  return Array.isArray(links) ? `Chain[${key}]` : `Chain.${key}`
}

function chainOf(layers: Readonly<Record<string, Link>> | readonly Link[]): ChainLayer {
  const links = Object.entries(layers)
  const chain = layer(
    'Chain',
    { layers },
    (self, ...inputs: [Tensor]) => {
      const links = self.layers as Readonly<Record<string, Link>>
      const keys = Object.keys(links)
      let flow: unknown = inputs[0]
      if (keys.length === 0 && inputs.length > 1) refuseSurplus('Chain', 1, inputs)
      for (let i = 0; i < keys.length; i++) {
        const link = links[keys[i]]
        try {
          const called = wrap ? wrap(link, placeOf(links, keys[i]), keys[i], links) : link
          const next: unknown = i === 0 ? called(...inputs) : called(flow)
          if (!(next instanceof Tensor)) checkFlow(next)
          flow = next
        } catch (error) {
          throw placed(i === 0 ? error : givenBy(placeOf(links, keys[i - 1]), flow, error), placeOf(links, keys[i]))
        }
      }
      return flow as Tensor
    },
    { label: null },
  )
  links.forEach(([key], i) => {
    const get = () => (chain.layers as Record<string, Link>)[key]
    for (const name of new Set([String(i), key])) {
      if ((Object.hasOwn(chain, name) || name in Function.prototype) && name !== String(i))
        throw typeError('Chain', `a layer cannot be named '${name}': every function has it`)
      Object.defineProperty(chain, name, { get, enumerable: false, configurable: true })
    }
  })
  Object.defineProperties(chain, {
    length: { value: links.length, configurable: true },
    [Symbol.iterator]: { value: () => Object.values(chain.layers)[Symbol.iterator](), enumerable: false },
    [CLONE]: { value: (fields: { layers: Readonly<Record<string, Link>> }) => chainOf(fields.layers), enumerable: false },
  })
  return chain as unknown as ChainLayer
}
