// The baseline that tools/packing/lower.mjs makes: what is relaxed becomes what it stands for, in two roundings, and nothing else changes.
import { readFileSync } from 'node:fs'
import binaryen from 'binaryen'
import { expect, test } from 'vitest'
import { lowered, lowerings } from '../../tools/packing/lower.mjs'

/** A module of these functions. */
function compiled(functions: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const texts = Object.entries(functions).map(([name, text]) => `(func (export "${name}") ${text})`)
  const module = binaryen.parseText(`(module ${texts.join('\n')})`)
  module.setFeatures(binaryen.Features.All)
  return new Uint8Array(module.emitBinary())
}

type Run = (a: number, b: number, c: number) => number
const run = (bytes: Uint8Array<ArrayBuffer>) => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as Record<string, Run>

const singles = '(param $a f32) (param $b f32) (param $c f32) (result f32)'
const doubles = '(param $a f64) (param $b f64) (param $c f64) (result f64)'
const all = (type: string) => ['$a', '$b', '$c'].map(name => `(${type}.splat (local.get ${name}))`).join(' ')
const single = (op: string) => `${singles} (f32x4.extract_lane 0 (${op} ${all('f32x4')}))`
const double = (op: string) => `${doubles} (f64x2.extract_lane 0 (${op} ${all('f64x2')}))`
/** Whose product alone is not exact. */
const [a, b, c] = [1 + 2 ** -12, 1 + 2 ** -12, -1 - 2 ** -11]
const [x, y, z] = [1 + 2 ** -30, 1 + 2 ** -30, -1 - 2 ** -29]

test('relaxed instructions round twice', () => {
  const module = compiled({
    madd: single('f32x4.relaxed_madd'),
    nmadd: single('f32x4.relaxed_nmadd'),
    madd64: double('f64x2.relaxed_madd'),
    nmadd64: double('f64x2.relaxed_nmadd'),
  })
  expect(lowerings(module)).toBe(4)
  const { madd, nmadd, madd64, nmadd64 } = run(lowered(module))
  expect([madd(a, b, c), nmadd(a, b, -c)]).toEqual([0, 0])
  expect([madd(2, 3, 4), nmadd(2, 3, 4)]).toEqual([10, -2])
  expect([madd64(x, y, z), nmadd64(x, y, -z)]).toEqual([0, 0])
  expect([madd64(2, 3, 4), nmadd64(2, 3, 4)]).toEqual([10, -2])
})

test('in functions with variables of their own, several times, and beside others', () => {
  const sum = '(f32x4.relaxed_nmadd (local.get $v) (local.get $v) (f32x4.relaxed_madd (local.get $v) (local.get $w) (local.get $v)))'
  const locals = '(local $i i32) (local $v v128) (local $w v128)'
  const sets = '(local.set $v (f32x4.splat (local.get $a))) (local.set $w (f32x4.splat (local.get $b)))'
  const module = compiled({
    mixed: `${singles} ${locals} ${sets} (f32x4.extract_lane 0 ${sum})`,
    swizzled: `${singles} (f32x4.extract_lane 1 (i8x16.relaxed_swizzle (f32x4.splat (local.get $a)) (v128.const i32x4 0 0x03020100 0 0)))`,
    plain: `${singles} (f32.sub (local.get $a) (local.get $c))`,
  })
  const { mixed, swizzled, plain } = run(lowered(module))
  expect([mixed(2, 5, 0), swizzled(3, 0, 0), plain(7, 0, 2)]).toEqual([8, 3, 5])
})

test('the variants are made of one build, and know which they are', () => {
  const baseline = readFileSync('build/baseline.wasm')
  expect(baseline.equals(lowered(readFileSync('build/relaxed.wasm')))).toBe(true)
  expect(lowerings(baseline)).toBe(0)
})
