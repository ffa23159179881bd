// Trains the examples of images and of texts as long as they say, and holds them to what they state: `node test/examples/stated.mjs [--only lenet,gpt]` after
// `npm run build`, a part of `npm run nightly`. `--write` records the results in stated.json, with what kind of machine they come from.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { variant } from 'fluxtape'

const { MNIST = '../shared/data/mnist10k', TEXTS = '../shared/data' } = process.env
const picture = join(tmpdir(), `fluxtape-vae-${process.pid}.png`)
const median = /median (\d+\.\d) %/
const nats = /cost (\d+\.\d+) nats/
const perCharacter = /: (\d+\.\d+) nats a character/
const statedPerCharacter = /comes to (\d+\.\d+) nats/

/**
 * `example`: which it is; `args`: how it is run, `data`: the folder or file that it reads; `result`: the number in what it prints, that should reach `least` or not
 * exceed `most`; `stated`: the same number in the example's first lines; `off`: how far kernels that round otherwise may be from it.
 */
const rows = {
  lenet: {
    example: 'lenet',
    data: MNIST,
    args: ['--seeds', '1,2,3,4,5'],
    result: median,
    least: 97.5,
    stated: /seeds is (\d+\.\d) %/,
    off: 0.3,
  },
  'lenet-shift': {
    example: 'lenet',
    data: MNIST,
    args: ['--seeds', '1,2,3,4,5', '--shift'],
    result: median,
    least: 98,
    stated: /`--shift` (\d+\.\d) %/,
    off: 0.3,
  },
  resnet: { example: 'resnet', args: [], result: median, least: 90, stated: /names (\d+\.\d) %/, off: 2 },
  vae: { example: 'vae', args: ['--file', picture], result: nats, most: 25, stated: /cost (\d+\.\d+) nats/, off: 0.3 },
  gpt: {
    example: 'gpt',
    data: join(TEXTS, 'tinyshakespeare.txt'),
    args: [],
    result: perCharacter,
    most: 1.65,
    stated: statedPerCharacter,
    off: 0.03,
  },
  lstm: {
    example: 'lstm',
    data: join(TEXTS, 'tinyshakespeare.txt'),
    args: [],
    result: perCharacter,
    most: 1.65,
    stated: statedPerCharacter,
    off: 0.03,
  },
  names: {
    example: 'names',
    data: join(TEXTS, 'names.txt'),
    args: [],
    result: perCharacter,
    most: 2.05,
    stated: statedPerCharacter,
    off: 0.03,
  },
}

const { values } = parseArgs({ options: { only: { type: 'string' }, write: { type: 'boolean' } } })
const file = new URL('stated.json', import.meta.url)
const failed = []
for (const name of values.only?.split(',') ?? Object.keys(rows)) {
  const { example, data, args, result, least = -Infinity, most = Infinity, stated, off } = rows[name]
  if (data && !existsSync(data)) {
    console.log(`${name}: left out, for ${data} is not here`)
    continue
  }
  const text = execFileSync(process.execPath, [`examples/${example}.mjs`, ...(data ? ['--data', data] : []), ...args], {
    encoding: 'utf8',
  })
  const runs = text.split('\n').filter(line => /^seed|^\d+ (epochs|steps)/.test(line))
  const number = Number(result.exec(text)?.[1])
  console.log(`${name}:\n${runs.join('\n')}\n${number}`)
  if (!(number >= least && number <= most)) failed.push(`${name}: ${number}`)
  if (values.write) {
    const machine = `${cpus()[0].model.trim()}, ${availableParallelism()} processors, ${process.platform} ${process.arch}, Node ${process.versions.node}, ${variant()} kernels`
    const command = [
      'node',
      `examples/${example}.mjs`,
      ...(data ? ['--data', data === MNIST ? 'DIR' : basename(data)] : []),
      ...args.filter(each => each !== '--file' && each !== picture),
    ]
    const recorded = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    recorded[name] = { command: command.join(' '), result: number, runs: runs.map(line => line.replace(/;.*$/, '')), machine }
    writeFileSync(file, `${JSON.stringify(recorded, null, 2)}\n`)
  }
  const says = Number(stated.exec(readFileSync(`examples/${example}.mjs`, 'utf8'))?.[1])
  if (!(Math.abs(says - number) <= off + 1e-9)) failed.push(`${name}: the example states ${says}, it is ${number}`)
}
if (failed.length > 0) throw new Error(failed.join('\n'))
