// Trains, stops, and leaves the checkpoint with the hash of an undisturbed run: what every runtime takes up. `hand-over.mjs <folder>`
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as lib from '../../dist/fluxtape.js'
import { HANDED_STEP, trainRun } from '../runs.mjs'

const [folder] = process.argv.slice(2)
const { hash } = await trainRun(lib)
const path = join(folder, 'handed')
await trainRun(lib, { checkpoint: { path, keep: 1 }, steps: HANDED_STEP })
const name = readdirSync(path).find(each => each.startsWith('step-'))
writeFileSync(join(folder, 'handed.json'), JSON.stringify({ hash, name }))
