import { readFileSync } from 'node:fs'
import { createContext, runInContext } from 'node:vm'
import { ENTRIES } from '../entries.mjs'

/** What a page has of its own, beside JavaScript itself. */
const page = () => ({
  WebAssembly,
  atob,
  btoa,
  TextEncoder,
  TextDecoder,
  MessageChannel,
  performance,
  setTimeout,
  clearTimeout,
  queueMicrotask,
  console,
})

/** A page that names no charset reads a script as windows-1252, which has the letters of ASCII and others for the rest. */
function textOf(file) {
  const bytes = readFileSync(`dist/${file}`)
  const at = bytes.findIndex(byte => byte > 127)
  if (at >= 0) throw new Error(`${file} has a letter at byte ${at} that is not ASCII`)
  return bytes.toString()
}

/** Runs both files as script tags do: the library is the global `fluxtape`, the datasets are `fluxtape.datasets`. */
export function globalsServe() {
  const context = createContext(page())
  for (const { global } of ENTRIES) if (global) runInContext(textOf(global.file), context)
  const found = runInContext(
    `{
      const { train: [x, y] } = fluxtape.datasets.digits()
      const model = fluxtape.Dense(64, 10)
      fluxtape.trainStep((x, y) => fluxtape.logitCrossEntropy(model(x), y), fluxtape.params(model), [x, y], fluxtape.Adam())
    }`,
    context,
  )
  if (!(found > 0)) throw new Error(`a step of training gave ${found}`)
  return `${Object.keys(context.fluxtape).length} names`
}
