// C functions, by whatever the runtime has for them: `bun:ffi`, `Deno.dlopen`, `node:ffi`, or else the package koffi.

/** An argument: a word is an address, a handle or a number of 64 bits; a view goes as the address of its memory. */
type Argument = bigint | number | ArrayBufferView
export type Foreign = (...args: Argument[]) => number | bigint

/** How functions are declared: first the result, then the parameters, a letter each. i: int, w: a word, p: the memory of a view. */
export type Signatures<Name extends string = string> = Readonly<Record<Name, string>>

/** Opens a library by its name or path. Throws where it is not there, or lacks one of the functions. */
export type Open = <Name extends string>(path: string, signatures: Signatures<Name>) => Readonly<Record<Name, Foreign>>

type Functions = Readonly<Record<string, Foreign>>
type Parameters = { readonly result: string; readonly parameters: readonly string[] }

interface Runtime {
  readonly Bun?: unknown
  readonly Deno?: { dlopen?(path: string, symbols: Readonly<Record<string, Parameters>>): { readonly symbols: Functions } }
  readonly process?: { getBuiltinModule?(name: string): unknown }
}

/** `bun:ffi`, as far as it is used. */
interface BunForeign {
  dlopen(
    path: string,
    symbols: Readonly<Record<string, { readonly returns: string; readonly args: readonly string[] }>>,
  ): { readonly symbols: Functions }
}

/** `node:ffi`, as far as it is used. */
interface NodeForeign {
  dlopen(
    path: string,
    symbols: Readonly<Record<string, { readonly return: string; readonly arguments: readonly string[] }>>,
  ): { readonly functions: Functions }
}

interface Koffi {
  load(path: string): { func(name: string, result: string, parameters: readonly string[]): Foreign }
}

/** Each signature, spelled in a runtime's names of the types. */
function spelled<T>(
  signatures: Signatures,
  names: Readonly<Record<string, string>>,
  as: (result: string, rest: string[]) => T,
): Record<string, T> {
  const all = Object.entries(signatures).map(([name, letters]) => {
    const [result, ...rest] = Array.from(letters, letter => names[letter])
    return [name, as(result, rest)] as const
  })
  return Object.fromEntries(all)
}

/** A module that is there in this runtime only: bundlers leave a name alone that they do not see. */
const load = (name: string): Promise<unknown> => import(/* @vite-ignore */ /* webpackIgnore: true */ name)

/** What opens libraries here; undefined where nothing does, and koffi is not installed. */
export async function opener(): Promise<Open | undefined> {
  const { Bun, Deno, process } = globalThis as Runtime
  if (Bun) {
    const ffi = (await load('bun:ffi')) as BunForeign
    const names = { i: 'i32', w: 'u64', p: 'ptr' }
    return (path, signatures) =>
      ffi.dlopen(
        path,
        spelled(signatures, names, (returns, args) => ({ returns, args })),
      ).symbols
  }
  if (Deno) {
    const { dlopen } = Deno
    const names = { i: 'i32', w: 'u64', p: 'buffer' }
    return (
      dlopen &&
      ((path, signatures) =>
        dlopen(
          path,
          spelled(signatures, names, (result, parameters) => ({ result, parameters })),
        ).symbols)
    )
  }
  const ffi = process?.getBuiltinModule?.('node:ffi') as NodeForeign | undefined
  if (ffi) {
    const names = { i: 'int32', w: 'uint64', p: 'buffer' }
    return (path, signatures) =>
      ffi.dlopen(
        path,
        spelled(signatures, names, (result, rest) => ({ return: result, arguments: rest })),
      ).functions
  }
  try {
    const { default: koffi } = (await load('koffi')) as { readonly default: Koffi }
    const names = { i: 'int', w: 'uint64_t', p: 'void *' }
    return (path, signatures) => {
      const library = koffi.load(path)
      const declared = spelled(signatures, names, (result, rest) => [result, rest] as const)
      return Object.fromEntries(Object.entries(declared).map(([name, [result, rest]]) => [name, library.func(name, result, rest)])) as never
    }
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}
