// How the harness takes a browser that ends or hangs, with browsers that only pretend. What pages run, run.mjs tries.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { onceMore, Reports, runInPage } from './browsers.mjs'

const root = mkdtempSync(join(tmpdir(), 'fluxtape-browsers-'))
mkdirSync(join(root, 'pages'))
afterAll(() => rmSync(root, { recursive: true }))

const PASSED = { passed: 1, failed: 0, failures: [], variant: 'none', threads: 0, hashes: {} }
const CRASH = new Error('page crash or hang')
interface Page {
  say: (message: object) => void
  end: (error: Error) => void
}

/** Runs a place whose page behaves as the first of `manners`, and as the next one if it is run again. */
async function runWith(manners: ((page: Page) => unknown)[], answers = true) {
  const reports = new Reports(10)
  const faults: string[] = []
  let opened = 0
  const browser = {
    version: '1',
    answers: async () => answers,
    async open(url: string, end: (error: Error) => void) {
      const { id } = JSON.parse(decodeURIComponent(new URL(url).search.slice(1)))
      await manners[opened++]({ say: message => reports.hear(id, message), end })
    },
    close: async () => {},
  }
  const site = { root, home: 'http://home', other: 'http://other', reports }
  const place = { name: 'page', kind: 'plain', entry: 'page.mjs', where: 'page' }
  const run = onceMore(
    () => runInPage(browser, site, place, {}),
    error => faults.push(error.message),
  )
  const outcome = await run.catch(error => error.message)
  return { outcome, faults, opened }
}

const passes = ({ say }: Page) => say({ result: PASSED })
const begins = ({ say }: Page) => say({ running: 'numerics, exp' })
const ends = ({ end }: Page) => end(CRASH)
const beginsAndEnds = (page: Page) => [begins(page), ends(page)]
const isSilent = () => {}

it.each([
  ['that passes is run once', [passes], true, PASSED, []],
  ['that ends is started once more', [ends, passes], true, PASSED, ['the browser ended in the start: page crash or hang']],
  [
    'that ends twice has failed',
    [ends, ends],
    true,
    'the browser ended in the start: page crash or hang',
    ['the browser ended in the start: page crash or hang'],
  ],
  ['that ends in a case says in which', [beginsAndEnds, passes], true, PASSED, ['the browser ended in numerics, exp: page crash or hang']],
  [
    'that never began, and answers nothing, is started once more',
    [isSilent, passes],
    false,
    PASSED,
    ['nothing new for 0.01 s in the start, and nothing can be evaluated in the page'],
  ],
  ['that never began, but answers, hangs by what it loads', [isSilent, passes], true, 'nothing new for 0.01 s in the start', []],
  [
    'that hangs in a case, and answers nothing, hangs by what it runs',
    [begins, passes],
    false,
    'nothing new for 0.01 s in numerics, exp',
    [],
  ],
  ['whose page fails has failed', [({ say }) => say({ error: 'no' }), passes], true, 'the start: no', []],
  ['that cannot be opened has failed', [() => Promise.reject(new Error('no such page')), passes], true, 'no such page', []],
] as [string, ((page: Page) => unknown)[], boolean, unknown, string[]][])('a browser %s', async (_, manners, answers, outcome, faults) => {
  expect(await runWith(manners, answers)).toEqual({ outcome, faults, opened: faults.length + 1 })
})
