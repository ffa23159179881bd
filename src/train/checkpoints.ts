// Runs that survive: a run is written into a folder from time to time, and taken up from there.
import { checkOptions, kindOf, rangeError, typeError, written } from '../errors.ts'
import { isSealed, seal } from '../io/digest.ts'
import { listFolder, readFile, removeFile, writeFile } from '../io/disk.ts'
import type { CallbackObject } from './callbacks.ts'
import type { Feature } from './loop.ts'
import type { RunRecord } from './record.ts'
import { type Hypers, hypersOf, savedRun, takeUp } from './saved.ts'
import type { Sharing } from './sharing.ts'
import type { Subject } from './step.ts'

/** Where and how often a run is saved. */
export interface CheckpointOptions {
  /** A folder, made if it is not there; in a page one of its private file system (OPFS). */
  readonly path: string
  /** A number of steps, `{ minutes }`, or `'epoch'`, after each epoch, the default. */
  readonly every?: number | 'epoch' | { readonly minutes: number } | undefined
  /** How many of the newest stay; 3 by default. `best.safetensors` stays besides, of the epoch with the lowest validation, or else loss. */
  readonly keep?: number | undefined
}

/** Throws for options that are none. */
export function checkCheckpoints(checkpoint: unknown, resume: unknown): void {
  // A file is none.
  const isPath = (path: unknown) => typeof path === 'string' && path !== '' && !path.endsWith('.safetensors')
  if (resume !== undefined && !isPath(resume)) {
    throw typeError(
      'train',
      'resume is the folder of checkpoints',
      `${written(resume)} came`,
      "Write { checkpoint: { path: 'run' }, resume: 'run' }.",
    )
  }
  if (checkpoint === undefined) return
  if (typeof checkpoint !== 'object')
    throw typeError('train', 'checkpoint is an object', `${written(checkpoint)} came`, "Write { checkpoint: { path: 'run' } }.")
  checkOptions('train: checkpoint', checkpoint as object, ['path', 'every', 'keep'])
  const { path, every = 'epoch', keep = 3 } = checkpoint as CheckpointOptions
  if (!isPath(path))
    throw typeError('train', 'the path of checkpoint is a folder', `${written(path)} came`, "Write { checkpoint: { path: 'run' } }.")
  if (!Number.isInteger(keep) || keep < 1) throw rangeError('train', 'keep of checkpoint is a whole number from 1', written(keep))
  const isSteps = typeof every === 'number' && Number.isInteger(every) && every >= 1
  const isRecord = kindOf(every) === 'object'
  const isTime = isRecord && (every as { minutes: number }).minutes > 0
  if (isSteps || isTime || every === 'epoch') return
  throw rangeError(
    'train',
    "every of checkpoint is a number of steps, 'epoch' or { minutes: n }",
    isRecord ? JSON.stringify(every) : written(every),
  )
}

const NAME = /^step-(\d+)\.safetensors$/
/** What `writeFile` writes beside one. */
const BESIDE = /^(step-\d+|best)\.safetensors\.\w+\.tmp$/
const nameOf = (step: number) => `step-${step}.safetensors`

/** The steps of which a folder has checkpoints, the newest first. */
async function stepsIn(path: string): Promise<number[]> {
  const names = await listFolder('train', path)
  return names
    .flatMap(name => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)
}

/** The newest checkpoint in a folder that is whole; undefined where there is none. */
async function newestIn(path: string): Promise<{ readonly name: string; readonly file: Uint8Array } | undefined> {
  const steps = await stepsIn(path)
  for (const step of steps) {
    const name = `${path}/${nameOf(step)}`
    const file = await readFile('train', name)
    if (file && (await isSealed(file))) return { name, file }
    console.warn(`train: the checkpoint '${name}' is damaged, or none${step === steps.at(-1) ? '' : ': the one before is taken'}.`)
  }
  console.info(`train: there is no ${steps.length > 0 ? 'whole ' : ''}checkpoint in '${path}': the run starts anew.`)
  return undefined
}

interface Saved {
  readonly subject: Subject
  readonly record: RunRecord
  readonly callbacks: readonly CallbackObject[]
  readonly epochs: number
  /** Does the loader of the data give the validation, too? With a seed it counts the passes of both. */
  readonly isShared: boolean
  /** Processes that share the run, of which the first reads and writes. */
  readonly sharing: Sharing | undefined
}

/** Saves a run, and takes it up. */
export function checkpoints(
  checkpoint: CheckpointOptions | undefined,
  resume: string | undefined,
  { subject, record, callbacks, epochs, isShared, sharing }: Saved,
): Feature {
  const { path = '', every = 'epoch', keep = 3 } = checkpoint ?? {}
  const writes = checkpoint && !sharing?.follows
  let best = Number.POSITIVE_INFINITY
  /** The hyperparameters as the program has them. */
  let asWritten: Hypers = []
  /** Where the run was when it was whole last, and when it was saved last. */
  const whole = { step: -1, epoch: 0, stream: 0, order: record.order, validated: record.validated }
  /** Was one that remembers asked about a step that has not come about, and remembers it? */
  let isHalf = false
  const note = (): void => {
    isHalf = false
    const { step, epoch, order, validated, random } = record
    Object.assign(whole, { step, epoch, order, validated, stream: random.stream })
  }
  /** What was drawn for a step that did not come about is drawn again. */
  const goBack = (): void => {
    const { stream, order, validated } = whole
    Object.assign(record, { order, validated })
    record.random.stream = stream
  }
  const isWhole = () => whole.step === record.step && whole.epoch === record.epoch
  let saved = { step: -1, epoch: -1 }
  let time = performance.now()
  let pending: Promise<void> = Promise.resolve()
  let isBusy = false
  let isFailing = false

  const write = async (file: Uint8Array<ArrayBuffer>, step: number, isBest: boolean): Promise<void> => {
    await seal(file)
    for (const name of isBest ? [nameOf(step), 'best.safetensors'] : [nameOf(step)]) await writeFile('train', `${path}/${name}`, [file])
    const old = (await stepsIn(path)).filter(each => each <= step).slice(keep)
    for (const each of old) await removeFile('train', `${path}/${nameOf(each)}`)
  }
  /** Copies the run; what it returns writes the copy. */
  const copied = (isBest = false) => {
    const { step, epoch } = record
    const file = savedRun(subject, record, callbacks, asWritten, best)
    saved = { step, epoch }
    time = performance.now()
    return () => write(file, step, isBest)
  }
  const save = (isBest?: boolean): void => {
    const work = copied(isBest)
    isBusy = true
    pending = work().then(
      () => {
        isBusy = isFailing = false
      },
      error => {
        isBusy = false
        if (!isFailing) console.warn(`train: the run goes on, but it is not saved. ${error.message}`)
        isFailing = true
      },
    )
  }
  const isSaved = () => saved.step === record.step && saved.epoch === record.epoch

  const remembers = (callbacks as readonly Feature[]).some(each => each.onGradient && each.state && !each.onlyLooks)

  return {
    ...(remembers && { onGradient: () => void (isHalf = true) }),
    async begun() {
      asWritten = hypersOf(subject.optimizer)
      if (resume !== undefined) {
        const own = sharing?.follows ? undefined : await newestIn(resume)
        const file = sharing ? sharing.share(own?.file) : own?.file
        if (file) {
          best = takeUp(file, own?.name ?? resume, subject, record, callbacks)
          const { order, validated } = record
          if (isShared && order && validated) {
            if (validated.stream > order.stream) record.order = validated
            record.validated = undefined
          }
          if (own && record.stopped)
            console.info(`train: the run in '${resume}' was ended by stop after ${record.step} steps, and is not gone on with.`)
        }
      }
      if (!writes) return note()
      if (resume !== path) {
        const [last] = await stepsIn(path)
        if (last !== undefined) {
          const wayOut = `Pass { resume: '${path}' } to go on, another path, or remove them.`
          throw typeError('train', `'${path}' has checkpoints of another run`, `step ${last}`, wayOut)
        }
      } else {
        // What a process that was killed had begun.
        for (const name of await listFolder('train', path)) if (BESIDE.test(name)) await removeFile('train', `${path}/${name}`)
      }
      note()
      // At once, so that a path that cannot be written is not found out after a day.
      if (record.epoch < epochs) await copied()()
      else saved = { ...whole }
    },
    settled(ends) {
      if (!checkpoint) return undefined
      const isEpoch = record.epoch > whole.epoch
      if (!isWhole()) note()
      else if (isHalf) return undefined
      else goBack()
      let isBest = false
      if (isEpoch) {
        const { validation, loss } = record.epochs[record.epochs.length - 1]
        isBest = (validation ?? loss) < best
        if (isBest) best = validation ?? loss
      }
      const isTime = typeof every === 'object' && performance.now() - time >= 60_000 * every.minutes
      const isReached = every === 'epoch' ? isEpoch : typeof every === 'number' && !isEpoch && record.step % every === 0
      const isDue = isTime || isBest || (ends && !isSaved()) || isReached
      if (!writes || !isDue) return undefined
      if (!isBusy) return void save(isBest)
      return pending.then(() => save(isBest))
    },
    async onEnd() {
      await pending
      // An epoch that was cut short has been saved before it was.
      if (!writes || isSaved() || !isWhole() || isHalf) return
      goBack()
      isFailing = false
      save()
      await pending
    },
  }
}
