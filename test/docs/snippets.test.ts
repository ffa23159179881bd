import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { SOURCES, specifier } from '../../tools/entries.mjs'
import { checkPrinted, printsOf, withPrints } from './stated.ts'

/** Every block of TypeScript in the README and in docs/ compiles under strict as it stands, runs, and prints what its comments state. */
const FOLDER = resolve(`test/docs/.snippets-${process.env.FLUXTAPE_VARIANT}`)
const pages = ['README.md', ...readdirSync('docs').map(name => join('docs', name))].filter(page => page.endsWith('.md'))
const snippets = pages.flatMap(page =>
  [...readFileSync(page, 'utf8').matchAll(/```(?:ts|js)\n([\s\S]*?)```/g)].map(([, code], i) => ({
    name: `${page}, block ${i + 1}`,
    file: join(FOLDER, `${page.replace(/\W+/g, '-')}-${i + 1}.ts`),
    code,
  })),
)
rmSync(FOLDER, { recursive: true, force: true })
mkdirSync(FOLDER, { recursive: true })
const running = (file: string) => file.replace(/\.ts$/, '.run.ts')
for (const { file, code } of snippets) {
  writeFileSync(file, `${code}\nexport {}\n`)
  writeFileSync(running(file), `${withPrints(code)}\nexport {}\n`)
}
const stated = vi.fn(checkPrinted)
Object.assign(globalThis, { stated })
afterEach(() => void stated.mockClear())
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('the code of the documentation', () => {
  it('has blocks, and states values', () => {
    expect(snippets.length).toBeGreaterThan(5)
    expect(snippets.flatMap(({ code }) => printsOf(code)).length).toBeGreaterThan(8)
  })

  it('compiles under strict', () => {
    const { config } = ts.readConfigFile('tsconfig.json', file => readFileSync(file, 'utf8'))
    if (process.env.FLUXTAPE_DIST) {
      config.compilerOptions.paths = Object.fromEntries(SOURCES.map(entry => [specifier(entry), [`./dist/${entry.types}`]]))
    }
    const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noUnusedLocals: false }, process.cwd())
    const program = ts.createProgram([...snippets.map(({ file }) => file), resolve('src/globals.d.ts')], options)
    // The library itself is checked by `npm run check`.
    const problems = snippets
      .flatMap(({ file }) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)))
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
    expect(problems).toEqual([])
    expect(snippets.filter(({ file }) => !program.getSourceFile(file))).toEqual([])
  })

  it.each(snippets)('$name runs', async ({ file, code }) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    // Some write files where they run.
    const [here, place] = [process.cwd(), mkdtempSync(join(tmpdir(), 'fluxtape-snippet-'))]
    process.chdir(place)
    try {
      await import(/* @vite-ignore */ running(file))
    } finally {
      process.chdir(here)
      rmSync(place, { recursive: true })
      log.mockRestore()
    }
    const said = new Set(stated.mock.calls.map(([comment]) => comment))
    expect([...said].sort()).toEqual([...new Set(printsOf(code))].sort())
  })
})
