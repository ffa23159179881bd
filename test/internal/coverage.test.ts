// Nothing without a row: every operation has values from PyTorch and, if it has a gradient, a gradient row; every kernel is in the table.
import { readdirSync, readFileSync } from 'node:fs'
import * as fluxtape from 'fluxtape'
import { beforeAll, describe, expect, it } from 'vitest'
import { attention } from '../../src/ops/attention.ts'
import { operations, watched } from '../../src/tape/operation.ts'
import { wasm } from '../../src/wasm/module.ts'
import { runRow } from '../gradients/check.ts'
import { rows } from '../gradients/rows.ts'
import { files, loadCases, runCase } from '../oracle/oracle.ts'
import { kernelRows } from './kernel-table.ts'
import { asking, unfused } from './unfused.ts'

/** What is exported, and attention, which layers are made of. */
const library: Readonly<Record<string, unknown>> = { ...fluxtape, attention }
const cases = files.flatMap(loadCases)
const withOracle = new Set(cases.map(({ op }) => op))
const withOracleGradient = new Set(cases.filter(each => 'gradients' in each && each.gradients).map(({ op }) => op))
const schedules = (JSON.parse(readFileSync('test/oracle/schedules.json', 'utf8')) as { readonly op: string }[]).map(({ op }) => op)
const withGradientRow = new Set(rows.map(({ op }) => op))

/** Values that need no oracle. */
const ownTruth: Readonly<Record<string, string>> = {
  assign: 'writes what it is given',
  identity: 'returns what it is given',
  oneCold: 'argMax that refuses NaN',
  stopGradient: 'returns the values that it is given',
}

/** What has no gradient: its result is bool or int32, or it is written in place. */
const withoutGradient = new Set([
  ...['all', 'any', 'argMax', 'argMin', 'argSort', 'assign', 'equal', 'greater', 'greaterEqual', 'isFinite', 'isNaN', 'less', 'lessEqual'],
  ...['logicalAnd', 'logicalNot', 'logicalOr', 'notEqual', 'oneCold', 'oneHot'],
])

/** What has no rows, for it computes no values of tensors: the tests that are about it, by what it is. */
const heldBy: Readonly<Record<string, readonly string[]>> = {
  'data/batch.test.ts': ['batch', 'padSequences', 'unbatch'],
  'data/images.test.ts': ['brightness', 'crop', 'fromImageData', 'mixup', 'randomFlip', 'rotate', 'shift', 'toImageData'],
  'data/loader.test.ts': ['DataLoader'],
  'data/splits.test.ts': ['kFolds', 'shuffleObs', 'splitObs'],
  'data/tokens.test.ts': ['bytes', 'characters'],
  'data/views.test.ts': ['filterObs', 'groupObs', 'mapObs', 'slidingWindow'],
  'errors/classes.test.ts': ['DTypeError', 'FluxtapeError', 'FormatError', 'MemoryError', 'ReleasedError', 'ShapeError', 'WorkerError'],
  'internal/cache.test.ts': ['Cache', 'cachePart', 'withCache'],
  'io/files.test.ts': ['load', 'save'],
  'io/from-pytorch.test.ts': ['fromPyTorch'],
  'io/npz.test.ts': ['loadNpz', 'saveNpz'],
  'io/safetensors.test.ts': ['loadSafetensors', 'saveSafetensors'],
  'io/state.test.ts': ['loadState', 'state'],
  'memory/lifetime.test.ts': ['keep', 'memory', 'scope', 'Tensor'],
  'nn/initializers.test.ts': [
    ...['glorotNormal', 'glorotUniform', 'identityInit', 'kaimingNormal', 'kaimingUniform', 'lecunNormal', 'orthogonal', 'sparseInit'],
    'truncatedNormal',
  ],
  'nn/destructure.test.ts': ['destructure'],
  'nn/generate.test.ts': ['generate'],
  'nn/layer.test.ts': ['layer'],
  'nn/norms.test.ts': ['fold', 'removeWeightNorm'],
  'nn/recurrent.test.ts': ['initialStates'],
  'nn/output-size.test.ts': ['activations', 'outputSize', 'summary'],
  'optimizers/hyper.test.ts': ['adjust'],
  'optimizers/own-rule.test.ts': ['rule'],
  'optimizers/rules.test.ts': ['Muon'],
  'optimizers/state.test.ts': ['loadOptimizerState', 'optimizerState', 'setup'],
  'optimizers/update.test.ts': ['apply', 'update'],
  'params/clone.test.ts': ['clone'],
  'params/freeze.test.ts': ['freeze', 'thaw'],
  'params/params.test.ts': ['Params', 'params'],
  'tape/checkpoint.test.ts': ['checkpoint'],
  'tape/custom.test.ts': ['customGradient'],
  'tape/effects.test.ts': ['autoMode', 'isTraining', 'later', 'testMode', 'trainMode'],
  'tape/gradient.test.ts': ['gradient', 'Grads', 'withGradient'],
  'tape/hook.test.ts': ['onGradient'],
  'tape/jacobian.test.ts': ['diagonalHessian', 'hessian', 'hvp', 'jacobian', 'jvp'],
  'tape/pullback.test.ts': ['pullback'],
  'tensor/create.test.ts': ['arange', 'eye', 'full', 'linspace', 'ones', 'onesLike', 'tensor', 'zeros', 'zerosLike'],
  'tensor/random.test.ts': ['bernoulli', 'manualSeed', 'rand', 'randint', 'randn'],
  'tensor/variants.test.ts': ['configure', 'variant'],
  'threads/pool.test.ts': ['threads'],
  'train/accuracy.test.ts': ['accuracy'],
  'train/metrics.test.ts': ['confusionMatrix', 'f1', 'precision', 'r2', 'recall', 'rocAuc', 'topKAccuracy'],
  'train/diverged.test.ts': ['DivergedError'],
  'train/jit.test.ts': ['jit'],
  'train/callbacks.test.ts': ['stop'],
  'train/early-stopping.test.ts': ['earlyStopping', 'patience'],
  'train/ema.test.ts': ['ema'],
  'train/log.test.ts': ['logTo'],
  'train/plateau.test.ts': ['plateau'],
  'train/step.test.ts': ['skip', 'trainStep'],
  'train/throttle.test.ts': ['throttle'],
  'train/train.test.ts': ['train'],
}

/** The names under which the package exports functions of a folder (or file) of the sources. */
async function exportedFrom(path: string): Promise<string[]> {
  const url = new URL(`../../src/${path}`, import.meta.url)
  const modules = path.endsWith('.ts')
    ? [url]
    : readdirSync(url).map(file => new URL(`${path}/${file}`, new URL('../../src/', import.meta.url)))
  const found: string[] = []
  for (const module of modules) {
    if (!module.pathname.endsWith('.ts')) continue
    const members: Readonly<Record<string, unknown>> = await import(module.pathname)
    for (const [name, value] of Object.entries(members)) if (typeof value === 'function' && library[name] === value) found.push(name)
  }
  return found.sort()
}

const exportedOperations = [
  ...(await exportedFrom('ops')),
  ...(await exportedFrom('ops/convolution')),
  ...(await exportedFrom('nn/losses')),
]
const layersAndRules = [
  ...(await exportedFrom('nn/layers')),
  ...(await exportedFrom('nn/layers/recurrent')).filter(name => name !== 'initialStates'),
  ...(await exportedFrom('optimizers/rules.ts')),
  ...(await exportedFrom('optimizers/chain.ts')),
  ...(await exportedFrom('optimizers/clip.ts')),
]

/** Of the results that PyTorch has for an operation. */
function dtypesOf(name: string): string[] {
  const outs = cases.filter(({ op }) => op === name).flatMap(each => ('out' in each ? each.out : []))
  return outs.map(({ $ }) => ($ === 'float64' ? 'float32' : $))
}

describe('every export', () => {
  const withRows = [...exportedOperations, ...layersAndRules, ...schedules]
  const held = Object.values(heldBy).flat()

  it('has rows, or a test that is about it', () => {
    expect(Object.keys(library).filter(name => !withRows.includes(name) && !held.includes(name))).toEqual([])
  })

  it('is what the list names, once', () => {
    expect(held.filter((name, i) => !(name in library) || withRows.includes(name) || held.indexOf(name) !== i)).toEqual([])
  })

  it.each(Object.entries(heldBy))('%s is about %s', (file, names) => {
    const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8').replace(/^import[\s\S]*?from '.*'$/gm, '')
    expect(names.filter(name => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([])
  })
})

describe('every operation and loss that is exported', () => {
  it('is found', () => {
    expect(exportedOperations.length).toBeGreaterThan(80)
    expect(exportedOperations).toEqual(expect.arrayContaining(['add', 'softmax', 'slice', 'linear', 'logitCrossEntropy', 'takeAlong']))
  })

  it.each(exportedOperations)('%s has rows', name => {
    expect(withOracle.has(name) || name in ownTruth, 'values from PyTorch in test/oracle').toBe(true)
    if (withoutGradient.has(name)) return expect(dtypesOf(name)).not.toContain('float32')
    expect(withGradientRow.has(name), 'a row in test/gradients').toBe(true)
    expect(withOracleGradient.has(name) || name in ownTruth, 'gradients from PyTorch in test/oracle').toBe(true)
  })

  it('is what the lists of exceptions name', () => {
    expect(Object.keys(ownTruth).filter(name => withOracle.has(name) || !exportedOperations.includes(name))).toEqual([])
    expect([...withoutGradient].filter(name => withGradientRow.has(name) || !exportedOperations.includes(name))).toEqual([])
    expect([...withGradientRow].filter(name => ![...exportedOperations, ...layersAndRules].includes(name))).toEqual([])
  })
})

describe('every layer and every rule', () => {
  it('is found', () => {
    expect(layersAndRules).toEqual(expect.arrayContaining(['Adam', 'Chain', 'Dense', 'Descent', 'OptimizerChain']))
  })

  it.each(layersAndRules)('%s has values from PyTorch', name => {
    expect(withOracle.has(name)).toBe(true)
  })
})

describe('every operation that the tape knows', () => {
  const run: Record<'oracle' | 'gradients', Set<string>> = { oracle: new Set(), gradients: new Set() }
  const isDifferentiable = (name: string) => [0, 1, 2].some(i => operations.get(name)?.differentiable(i))

  /** Runs rows, the first of each function, then the second and so on, until they have run all that is wanted. */
  function runUntil<T extends { readonly op: string }>(
    rows: readonly T[],
    seen: Set<string>,
    wanted: readonly string[],
    run: (row: T) => void,
  ) {
    const often = new Map<string, number>()
    const nth = rows.map(row => {
      often.set(row.op, (often.get(row.op) ?? 0) + 1)
      return often.get(row.op) as number
    })
    const order = [...rows.keys()].sort((i, j) => nth[i] - nth[j] || i - j)
    const missing = new Set(wanted)
    for (const i of order) {
      watched(
        name => {
          seen.add(name)
          missing.delete(name)
        },
        () => run(rows[i]),
      )
      if (missing.size === 0) return
    }
  }

  beforeAll(() => {
    const all = [...operations.keys()]
    runUntil(
      cases,
      run.oracle,
      all.filter(name => !(name in ownTruth)),
      each => {
        const runOnce = () => fluxtape.scope(() => void runCase(library, each))
        if (asking(runOnce)[1]) unfused(runOnce)
      },
    )
    runUntil(rows, run.gradients, all.filter(isDifferentiable), runRow)
  }, 60_000)

  it('is found', () => {
    expect(operations.size).toBeGreaterThan(60)
  })

  it.each([...operations.keys()])('%s is run by the oracle, and by a gradient row if it has a gradient', name => {
    expect(run.oracle.has(name) || name in ownTruth, 'run by a case of test/oracle').toBe(true)
    if (isDifferentiable(name)) expect(run.gradients.has(name), 'run by a row of test/gradients').toBe(true)
  })
})

describe('every kernel', () => {
  /** Exports that do no work over a range. */
  const machinery = new Set(['abi', 'isRelaxed', 'staticEnd', 'run', 'fork', 'join', 'serve'])
  const kernels = Object.entries(wasm)
    .filter(([name, value]) => typeof value === 'function' && !machinery.has(name))
    .map(([name]) => name)
  const table = kernelRows.map(([name]) => name as string)

  it('is found', () => {
    expect(kernels.length).toBeGreaterThan(90)
  })

  it.each(kernels)('%s is in the table', name => {
    expect(table).toContain(name)
  })

  it('is in the table once, and nothing else is', () => {
    expect(table.filter((name, i) => table.indexOf(name) !== i || !kernels.includes(name))).toEqual([])
  })
})
