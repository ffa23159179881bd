const NODE: unique symbol = Symbol.for('nodejs.util.inspect.custom')
const DENO: unique symbol = Symbol.for('Deno.customInspect')

/**
 * Says of names that other libraries have what they are called here. What is read throws; who has a field of that name is not concerned, and
 * one may be assigned where the object is open.
 */
export function hint(prototype: object, what: string, hints: Readonly<Record<string, string>>, isOpen = false): void {
  for (const [name, wayOut] of Object.entries(hints)) {
    const define = function (this: object, value: unknown): void {
      Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true })
    }
    Object.defineProperty(prototype, name, {
      get() {
        throw new TypeError(`${what}: there is no ${name} here. ${wayOut}.`)
      },
      set: isOpen ? define : undefined,
      configurable: true,
    })
  }
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
 * for an `heir`. The trap stands behind the prototype, where only what is not found otherwise arrives, and `instanceof` does not. Also has
 * instances printed as String does. A constructor calls it once, when it is first used: a program without the class need not have it.
 */
export function seal(prototype: object, refusal: (name: string, self: object) => string, heir?: object): void {
  printed(prototype)
  const refuse = (name: PropertyKey, self: object): never => {
    throw new TypeError(refusal(String(name), self))
  }
  for (const each of heir ? [prototype, heir] : [prototype]) {
    for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(each))) {
      if (!own.get || own.set) continue
      const set = function (this: object): void {
        refuse(name, this)
      }
      Object.defineProperty(each, name, { ...own, set })
    }
  }
  const behind = new Proxy(Object.create(Object.getPrototypeOf(prototype)) as object, {
    set: (target, name, value, self) =>
      heir || Object.getPrototypeOf(self) === prototype ? refuse(name, self) : Reflect.set(target, name, value, self),
  })
  Object.setPrototypeOf(prototype, behind)
}
