import { typeError } from '../errors.ts'

const NODE: unique symbol = Symbol.for('nodejs.util.inspect.custom')
const DENO: unique symbol = Symbol.for('Deno.customInspect')

/** The error for an assignment that `wayOut` says what to write for. */
export function unassignable(what: string, name: string, wayOut: string): TypeError {
  return typeError(what, `'${name}' cannot be assigned`, '', wayOut)
}

/** Puts a trap behind a prototype, where only what is not found otherwise arrives, and what walks over properties finds nothing. */
function trap(prototype: object, handler: ProxyHandler<object>): void {
  Object.setPrototypeOf(prototype, new Proxy(Object.create(Object.getPrototypeOf(prototype)) as object, handler))
}

/**
 * Says of names that other libraries have what they are called here: to read one throws. They are no properties, so that who has a field of that
 * name is not concerned, and who compares or prints all properties is not stopped. `0` stands for every whole number. What is `fixed` cannot be
 * assigned either. Most programs never ask for them.
 */
export function hint(
  prototype: object,
  what: string,
  hints: () => Readonly<Record<string, string>>,
  fixed: Readonly<Record<string, string>> = {},
): void {
  let known: Readonly<Record<string, string>> | undefined
  trap(prototype, {
    get(target, name, self) {
      if (typeof name === 'string') {
        known ??= hints()
        // No expression: V8 ends the process that compiles one at the end of the stack.
        const isPlace = String(Number(name) >>> 0) === name
        const key = isPlace ? '0' : name
        if (Object.hasOwn(known, key)) throw typeError(what, `there is no ${isPlace ? `[${name}]` : name} here`, '', `${known[key]}.`)
      }
      return Reflect.get(target, name, self)
    },
    set(target, name, value, self) {
      if (Object.hasOwn(fixed, name)) throw unassignable(what, String(name), `${fixed[String(name)]}.`)
      return Reflect.set(target, name, value, self)
    },
  })
}

/** `console.log` of Node, Deno and Bun then prints what String prints, or Node and Bun what `as` makes of it. */
export function printed<T extends object>(object: T, as?: (object: T) => unknown): void {
  const value = function (this: T): unknown {
    return as ? as(this) : String(this)
  }
  for (const name of as ? [NODE] : [NODE, DENO]) Object.defineProperty(object, name, { value, configurable: true, writable: true })
}

/**
 * Lets nothing be assigned to the instances of a class but the fields that they have: it would be ignored. Who extends the class is free to, but
 * for an `heir`. Also has instances printed as String does. A constructor calls it once, when it is first used: a program without the class need
 * not have it.
 */
export function seal(prototype: object, refusal: (name: string, self: object) => TypeError, heir?: object): void {
  printed(prototype)
  const refuse = (name: PropertyKey, self: object): never => {
    throw refusal(String(name), self)
  }
  for (const each of heir ? [prototype, heir] : [prototype]) {
    for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (!descriptor.get || descriptor.set) continue
      const set = function (this: object): void {
        refuse(name, this)
      }
      Object.defineProperty(each, name, { ...descriptor, set })
    }
  }
  trap(prototype, {
    set: (target, name, value, self) =>
      heir || Object.getPrototypeOf(self) === prototype ? refuse(name, self) : Reflect.set(target, name, value, self),
  })
}
