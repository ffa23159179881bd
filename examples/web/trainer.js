// A network and its training, which can be paused, ended and taken up again. Nothing in here knows of the page.
import {
  Adam,
  accuracy,
  adjust,
  Chain,
  Conv,
  DataLoader,
  Dense,
  Flatten,
  logitCrossEntropy,
  MaxPool,
  params,
  relu,
  scope,
  softmax,
  stop,
  tensor,
  train,
} from 'fluxtape'
import { digits } from 'fluxtape/datasets'
import { varied } from './vary.js'

const { train: trainSet, test: testSet } = digits()
/** As many of the digits to learn from as there are to test on, to compare with. */
const seen = trainSet.map(each => each.slice([[0, testSet[1].size]]))

const asImages = x => x.reshape([-1, 1, 8, 8])

/** Networks from [n, 64] levels to a score for each digit, [n, 10], with layers of `hidden` in them. */
const networks = {
  dense: hidden => Chain(Dense(64, hidden, relu), Dense(hidden, hidden, relu), Dense(hidden, 10)),
  convolutional: hidden =>
    Chain(
      asImages,
      Conv([5, 5], 1, 8, relu, { pad: 2 }),
      MaxPool([2, 2]),
      Conv([3, 3], 8, 16, relu, { pad: 1 }),
      MaxPool([2, 2]),
      Flatten(),
      Dense(16 * 2 * 2, hidden, relu),
      Dense(hidden, 10),
    ),
}

export class Trainer {
  /** 'ready', 'running', 'paused', 'stopped', 'done' or 'failed'. */
  state = 'ready'
  step = 0
  /** Epochs so far, of all runs since the last reset. */
  epoch = 0
  /** The share of the current run that is done, from 0 to 1. */
  progress = 0
  #wait
  #resume = () => {}
  #ending = false
  #run = Promise.resolve()

  /**
   * `hooks`: `onState(state, error)`, `onStep({ epoch, loss })` with the epoch as a fraction, `onEpoch({ epoch, seen, test })` with accuracies.
   * `network`: `{ kind: 'dense' | 'convolutional', hidden }`.
   */
  constructor(hooks, network) {
    this.hooks = hooks
    this.#build(network)
  }

  #build({ kind, hidden }) {
    this.model = networks[kind](hidden)
    this.optimizer = Adam(1e-3)
    this.step = this.epoch = this.progress = 0
  }

  start({ epochs, batchSize, rate, vary }) {
    this.setRate(rate)
    this.#run = this.#train(epochs, batchSize, vary)
  }

  async #train(epochs, batchSize, vary) {
    const { model, hooks } = this
    this.#ending = false
    this.progress = 0
    const loader = new DataLoader(trainSet, { batchSize, shuffle: true })
    const first = this.epoch
    let taken = 0
    this.#to('running')
    const onStep = ({ loss }) => {
      this.step++
      this.progress = ++taken / (epochs * loader.length)
      hooks.onStep({ epoch: first + taken / loader.length, loss })
      return this.#ending ? stop : this.#wait
    }
    const onEpoch = ({ epoch }) => {
      if (this.#ending) return
      this.epoch = first + epoch + 1
      hooks.onEpoch({ epoch: this.epoch, seen: accuracy(model, seen), test: accuracy(model, testSet) })
    }
    try {
      const loss = (x, y) => logitCrossEntropy(model(x), y)
      await train(loss, params(model), vary ? varied(loader) : loader, this.optimizer, { epochs, callbacks: { onStep, onEpoch } })
      this.#to(this.#ending ? 'stopped' : 'done')
    } catch (error) {
      this.#to('failed', error)
    }
  }

  /** The callback of the next step returns a promise, and training waits for it. */
  pause() {
    this.#wait = new Promise(resolve => {
      this.#resume = resolve
    })
    this.#to('paused')
  }

  resume() {
    this.#wait = undefined
    this.#resume()
    this.#to('running')
  }

  /** Ends the run after the current step; resolves when it has ended. */
  stop() {
    this.#ending = true
    this.#wait = undefined
    this.#resume(stop)
    return this.#run
  }

  /** Ends the run and begins with new weights. */
  async reset(network) {
    await this.stop()
    this.#build(network)
    this.#to('ready')
  }

  setRate(rate) {
    adjust(this.optimizer, rate)
  }

  /** The probability of each class for an image of 64 levels. */
  predict(image) {
    return scope(() => softmax(this.model(tensor(image, [1, 64]))).data())
  }

  /** The weights of the first convolution, filter by filter, and the side of one; undefined where there is none. */
  filters() {
    const weight = this.model.layers[1]?.weight
    return weight?.rank === 4 ? { weights: scope(() => weight.data()), size: weight.shape[3] } : undefined
  }

  #to(state, error) {
    this.state = state
    this.hooks.onState(state, error)
  }
}

/** One of the digits to test on, by chance: its 64 levels and its class. */
export function testDigit() {
  const i = Math.floor(Math.random() * testSet[1].size)
  return scope(() => ({ image: testSet[0].slice([i]).data(), digit: testSet[1].slice([i]).item() }))
}
