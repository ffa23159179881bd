// The built library under test: dist/, or the folder that FLUXTAPE_DIST names.
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

const dist = `${pathToFileURL(resolve(process.env.FLUXTAPE_DIST ?? 'dist')).href}/`
export const F = await import(new URL('fluxtape.js', dist))
export const { readIdx } = await import(new URL('datasets.js', dist))

/** Where files between the programs and PyTorch lie. */
export function scratch(name) {
  mkdirSync('build/fuzz', { recursive: true })
  return join('build/fuzz', `${name}-${process.pid}`)
}
