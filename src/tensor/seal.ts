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

const sealed = new WeakSet<object>()

/** `console.log` of Node, Deno and Bun then prints what String prints. */
export function printed(object: object): void {
  const value = function (this: object): string {
    return String(this)
  }
  for (const name of [NODE, DENO]) Object.defineProperty(object, name, { value, configurable: true, writable: true })
}

/**
 * Lets nothing be assigned to the instances of a class but the fields that they have: it would be ignored. Who extends the class is free to. The
 * trap stands behind the prototype, where only what is not found otherwise arrives. Also has instances printed as String does.
 */
export function seal(prototype: object, refusal: (name: string, self: object) => string): void {
  if (sealed.has(prototype)) return
  sealed.add(prototype)
  printed(prototype)
  const refuse = (name: PropertyKey, self: object): never => {
    throw new TypeError(refusal(String(name), self))
  }
  for (const [name, own] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (!own.get || own.set) continue
    const set = function (this: object): void {
      refuse(name, this)
    }
    Object.defineProperty(prototype, name, { ...own, set })
  }
  const behind = new Proxy(Object.create(Object.getPrototypeOf(prototype)) as object, {
    set: (target, name, value, self) =>
      Object.getPrototypeOf(self) === prototype ? refuse(name, self) : Reflect.set(target, name, value, self),
  })
  Object.setPrototypeOf(prototype, behind)
}
