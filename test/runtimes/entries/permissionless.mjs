// Deno, without any permission: importing is enough.
import * as fluxtape from '../../dist/fluxtape.js'
import './smoke.js'

console.log(`matrix ${JSON.stringify({ result: await globalThis.smoke(fluxtape, { threads: true }) })}`)
