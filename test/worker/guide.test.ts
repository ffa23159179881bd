import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { bundled } from './bundled.ts'

/** The programs of docs/workers.md, as they stand. A process of its own must end by itself. */
it('the programs of the guide train, and end', async () => {
  const text = readFileSync('docs/workers.md', 'utf8')
  const addresses = await Promise.all([...text.matchAll(/```js (\w+\.mjs)\n([\s\S]*?)```/g)].map(([, name, code]) => bundled(name, code)))
  const main = addresses.find(each => each.pathname.endsWith('main.mjs'))
  const said = execFileSync(process.execPath, [fileURLToPath(main ?? '')], { encoding: 'utf8' })
    .trim()
    .split('\n')
  expect(said.length).toBe(11)
  expect(Number(said[10])).toBeGreaterThan(0.9)
})
