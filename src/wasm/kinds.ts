// What a word among the arguments of a kernel stands for. All are numbers when the program runs; the types, which tools/abi.mjs gives to every
// parameter by its name and its type, keep one from being taken for another. A count is a plain number.

declare const isAddress: unique symbol
declare const isLayout: unique symbol
declare const isStatus: unique symbol
declare const isKey: unique symbol
declare const isReal: unique symbol

/** Where elements, or words for a kernel, begin in linear memory. */
export type Address = number & { readonly [isAddress]: true }
/** Where a loop over axes is described: `writeLayout` in tensor/shape.ts. */
export type Layout = number & { readonly [isLayout]: true }
/** Where a kernel reports what cannot be: `reported` in status.ts. */
export type Status = number & { readonly [isStatus]: true }
/** Half of the key of random numbers. */
export type Key = number & { readonly [isKey]: true }
/** A number that a kernel takes as a float32, such as elu's alpha, and no count: `x as Real`. */
export type Real = number & { readonly [isReal]: true }

/** No address: an operand or a layout that there is not. */
export const NONE = 0 as Address & Layout

/** The address `bytes` behind another. */
export function behind(pointer: Address, bytes: number): Address {
  return (pointer + bytes) as Address
}
