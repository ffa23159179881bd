import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import ts from 'typescript'
import { afterAll, describe, expect, it, vi } from 'vitest'

/** Every block of TypeScript in the README and in docs/ compiles under strict as it stands, and runs. */
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
for (const { file, code } of snippets) writeFileSync(file, `${code}\nexport {}\n`)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('the code of the documentation', () => {
  it('has blocks', () => expect(snippets.length).toBeGreaterThan(5))

  it('compiles under strict', () => {
    const { config } = ts.readConfigFile('tsconfig.json', file => readFileSync(file, 'utf8'))
    if (process.env.FLUXTAPE_DIST) {
      config.compilerOptions.paths = { fluxtape: ['./dist/fluxtape.d.ts'], 'fluxtape/datasets': ['./dist/datasets.d.ts'] }
    }
    const { options } = ts.convertCompilerOptionsFromJson({ ...config.compilerOptions, noUnusedLocals: false }, process.cwd())
    const program = ts.createProgram([...snippets.map(({ file }) => file), resolve('src/globals.d.ts')], options)
    const problems = ts
      .getPreEmitDiagnostics(program)
      .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
    expect(problems).toEqual([])
  })

  it.each(snippets)('$name runs', async ({ file }) => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    try {
      await import(/* @vite-ignore */ file)
    } finally {
      log.mockRestore()
    }
  })
})
