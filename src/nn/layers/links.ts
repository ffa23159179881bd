// What layers that hold other layers share: which links they take, how they call them, and how a link is reached.
import { gaveNone, kindOf, placed, typeError, uncalled, written } from '../../errors.ts'
import { CLONE } from '../../params/clone.ts'
import { isPlain } from '../../tensor/realm.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { isLayer, LABEL, LINES } from '../label.ts'
import { alike, layer } from '../layer.ts'
import { wrap } from '../reads.ts'

/** A layer, or any function from what came before to what comes next. */
// biome-ignore lint/suspicious/noExplicitAny: what flows between two links is known to them alone
export type Link = (...inputs: any[]) => any

/** Links in their order, or by name. */
export type Links = readonly Link[] | Readonly<Record<string, Link>>

/** Any of the links. */
type AnyOf<Links> = Links extends readonly unknown[] ? Links[number] : Links[keyof Links]

/** The links of a tuple by their indices, as far as it tells them. */
type Indexed<Links> = Links extends readonly unknown[] ? { readonly [I in Exclude<keyof Links, keyof unknown[]>]: Links[I] } : unknown

/** How links are reached: by index, one after the other, and by name where they have one. */
export type Holding<Links> = Iterable<AnyOf<Links>> &
  Indexed<Links> & { readonly [index: number]: AnyOf<Links> } & (Links extends readonly unknown[] ? unknown : Readonly<Links>)

/** What a link gives; of one whose types are not known a tensor. */
export type Gives<F extends Link> = 0 extends 1 & ReturnType<F> ? Tensor : ReturnType<F>

/** The links among the arguments: a record of them, or as many as come. Throws TypeError for what is none; `spread` is how a list is written. */
export function linksAmong(operation: string, args: readonly unknown[], spread = `${operation}(...layers)`): Links {
  const named = args.length === 1 && isPlain(args[0])
  const links = named ? { ...(args[0] as Readonly<Record<string, Link>>) } : (args as readonly Link[])
  for (const [key, link] of Object.entries(links)) checkLink(operation, named ? `'${key}'` : `number ${key}`, link, spread)
  return links
}

/** Throws TypeError for what cannot be called; `which` says which link it is. */
export function checkLink(operation: string, which: string, link: unknown, spread: string): void {
  if (typeof link === 'function' && !isClass(link)) return
  const isModule = 'forward' in Object(Object(link).prototype ?? link)
  const wayOut = isModule ? "Write a class with forward as layer('Own', { w }, (self, x) => y)." : ''
  const came = isClass(link) ? 'a class' : kindOf(link)
  throw typeError(
    operation,
    'every link is a layer or a function',
    `${which} is ${came}`,
    Array.isArray(link) ? `Write ${spread} for a list.` : wayOut,
  )
}

/** A class cannot be called. */
function isClass(link: unknown): boolean {
  return typeof link === 'function' && /^class\b/.test(Function.prototype.toString.call(link))
}

/** Lists, records and numbers may flow, too; throws TypeError for what was forgotten to be returned, awaited or called. */
export function checkFlow(operation: string, flow: unknown, link: Link): void {
  if (isLayer(flow) && !isLayer(link))
    throw typeError(operation, 'a link gave a layer', flow[LABEL], `Call it before: ${written(link)}(...) is the link.`)
  if (flow === undefined || flow === null || kindOf(flow) === 'a promise') throw gaveNone(operation, 'a link', flow)
}

/** What a link threw: of a layer that was not called with its arguments, it says so. */
export function thrownBy(link: Link, error: unknown): unknown {
  return isLayer(link) || !/^[A-Z]/.test(link.name) ? error : uncalled(error, written(link))
}

export function placeOf(operation: string, links: object, key: string): string {
  return Array.isArray(links) ? `${operation}[${key}]` : `${operation}.${key}`
}

/** Calls one of the links; what is thrown has its place in its path. */
export function callLink(operation: string, links: Links, key: string, inputs: readonly unknown[]): unknown {
  return calledAt(operation, placeOf(operation, links, key), (links as Readonly<Record<string, Link>>)[key], key, links, inputs)
}

/** Calls the link that stands in a field of its own. */
export function callField<Key extends string>(
  operation: string,
  self: Readonly<Record<Key, Link>>,
  key: Key,
  inputs: readonly unknown[],
): unknown {
  return calledAt(operation, `${operation}.${key}`, self[key], key, [], inputs)
}

function calledAt(operation: string, place: string, link: Link, key: string, links: object, inputs: readonly unknown[]): unknown {
  try {
    const y: unknown = (wrap ? wrap(link, place, key, links) : link)(...inputs)
    if (!(y instanceof Tensor)) checkFlow(operation, y, link)
    return y
  } catch (error) {
    throw placed(thrownBy(link, error), place)
  }
}

/** What a layer of several inputs was called with: one list is as many. Throws TypeError where there are none. */
export function unpacked(operation: string, inputs: readonly unknown[]): readonly unknown[] {
  const list = inputs.length === 1 && Array.isArray(inputs[0]) ? (inputs[0] as readonly unknown[]) : inputs
  if (list.length === 0) throw typeError(operation, 'there is no input')
  return list
}

/** What a layer of links is made of: `lines` are the fields that it prints, `layers` those that have an index. */
interface Holder<Fields extends object> {
  readonly name: string
  readonly fields: Fields
  readonly lines: readonly (keyof Fields & string)[]
  // biome-ignore lint/suspicious/noExplicitAny: what it takes is known to it alone
  forward(self: Readonly<Fields>, ...inputs: any[]): unknown
  /** Makes it again of fields that are others. */
  again(fields: Fields): object
}

/** Makes a layer whose links are reached by index and by name, counted, and iterated. */
export function holder<Fields extends object>({ name, fields, lines, forward, again }: Holder<Fields>): object {
  const made = layer(name, fields, forward, { label: null })
  const hidden = (value: unknown) => ({ value, configurable: true })
  Object.defineProperties(made, { [CLONE]: hidden((copies: Fields) => alike(again(copies), made)), [LINES]: hidden(lines) })
  if (!('layers' in fields)) return made
  const links = () => (made as unknown as { readonly layers: Readonly<Record<string, Link>> }).layers
  const keys = Object.keys(links())
  keys.forEach((key, i) => {
    for (const own of new Set([String(i), key])) {
      if ((Object.hasOwn(made, own) || own in Function.prototype) && own !== String(i))
        throw typeError(name, `a layer cannot be named '${own}': every function has it`)
      const set = () => {
        throw typeError(
          name,
          `layer ${own} cannot be assigned`,
          '',
          `Make another one: Chain(...model.layers.slice(0, -1), Dense(64, 3)), or with names.`,
        )
      }
      Object.defineProperty(made, own, { get: () => links()[key], set, enumerable: false, configurable: true })
    }
  })
  Object.defineProperties(made, {
    length: hidden(keys.length),
    [Symbol.iterator]: hidden(() => Object.values(links())[Symbol.iterator]()),
  })
  return made
}

/** Throws TypeError for a count of inputs that so many links do not take. */
export function checkCounts(operation: string, inputs: number, links: number): void {
  if (inputs === 1 || inputs === links) return
  const came = `${inputs} inputs for ${links} ${links === 1 ? 'layer' : 'layers'}`
  throw typeError(operation, 'layers take one input each, or all the same', came)
}

/** What a layer of links and a connection is made of. */
export interface Connected {
  readonly connection: Link
  readonly layers: Links
}

/** A layer of the links among the arguments, and of a connection. Throws TypeError for one that cannot be called, and where there are no links. */
export function connected(
  name: string,
  connection: Link,
  args: readonly unknown[],
  forward: (self: Connected, ...inputs: readonly unknown[]) => unknown,
): object {
  const layers = linksAmong(name, args, `${name}(connection, ...layers)`)
  const wayOut = `Write ${name}(add, ...layers).`
  if (typeof connection !== 'function' || isClass(connection))
    throw typeError(name, 'the connection comes first, and is a function', `${written(connection)} came`, wayOut)
  if (Object.keys(layers).length === 0) throw typeError(name, 'there are no layers', '', wayOut)
  const again = (fields: Connected): object => holder({ name, fields, lines: ['connection', 'layers'], forward, again })
  return again({ connection, layers })
}
