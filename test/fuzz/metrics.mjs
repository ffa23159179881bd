// Metrics of random outputs and targets against plain JavaScript, the same in one batch, in several, from a loader and from an asynchronous source.
import { failed, finish, seeds } from './findings.mjs'
import { F } from './library.mjs'
import { Source } from './source.mjs'

let source
const float = (data, shape) => F.tensor(Float32Array.from(data), shape)
const sum = list => list.reduce((total, each) => total + each, 0)
const over = (part, whole) => (whole === 0 ? 0 : part / whole)
const AVERAGES = ['macro', 'weighted', 'micro', 'none', undefined]

/** The mean of scores that are there, by weights; NaN of none. */
function averaged(scores, weights, isThere) {
  const those = scores.map((_, i) => i).filter(isThere)
  const total = sum(those.map(i => weights?.[i] ?? 1))
  return total === 0 ? Number.NaN : sum(those.map(i => scores[i] * (weights?.[i] ?? 1))) / total
}

/** Of each column how often it is, was guessed and both; classes [n], guesses -1 for none. */
function tallied(actual, guessed, columns) {
  const count = (list, k) => list.filter(each => each === k).length
  const all = Array.from({ length: columns }, (_, k) => k)
  return { there: all.map(k => count(actual, k)), said: all.map(k => count(guessed, k)), both: all.map(k => actual.filter((each, i) => each === k && guessed[i] === k).length) } // biome-ignore format: short
}

const SCORES = {
  precision: (both, said) => over(both, said),
  recall: (both, _, there) => over(both, there),
  f1: (both, said, there) => over(2 * both, said + there),
}

function scored(formula, { there, said, both }, average = 'macro', isLabels = false, n = 1) {
  if (average === 'micro') return n === 0 ? Number.NaN : formula(sum(both), sum(said), sum(there))
  const isThere = k => n > 0 && (isLabels || there[k] + said[k] > 0)
  const scores = both.map((each, k) => (isThere(k) ? formula(each, said[k], there[k]) : Number.NaN))
  return average === 'none' ? scores : averaged(scores, average === 'weighted' ? there : undefined, isThere)
}

function area(scores, positives) {
  const high = scores.map((score, i) => (Number.isNaN(score) ? (positives[i] ? -Infinity : Infinity) : score))
  let [wins, pairs] = [0, 0]
  for (let i = 0; i < high.length; i++) {
    for (let j = 0; j < high.length; j++) {
      if (!positives[i] || positives[j]) continue
      pairs++
      wins += high[i] > high[j] ? 1 : high[i] === high[j] ? 0.5 : 0
    }
  }
  return pairs === 0 ? Number.NaN : wins / pairs
}

function determination(y, x) {
  const middle = sum(y) / y.length
  const [rest, all] = [sum(y.map((each, i) => (each - x[i]) ** 2)), sum(y.map(each => (each - middle) ** 2))]
  return [rest, all, y.length < 2 ? Number.NaN : all === 0 ? Number(rest === 0) : 1 - rest / all]
}

const column = (flat, columns, k) => flat.filter((_, i) => i % columns === k)
const value = () =>
  source.pick([source.int(-3, 3), source.next() * 2 - 1, source.chance(0.1) ? source.pick([NaN, Infinity, -Infinity]) : 0])

/** What there is of classes: outputs [n, classes], integer classes or one-hot. */
function ofClasses() {
  const [n, classes] = [source.pick([1, 2, 5, 17, 40]), source.int(2, 6)]
  const outputs = source.list(n * classes, value).map(Math.fround)
  const actual = source.list(n, () => source.int(0, classes - 1))
  const rows = actual.map((_, i) => outputs.slice(i * classes, (i + 1) * classes))
  const guessed = rows.map(row => (row.some(Number.isNaN) ? -1 : row.indexOf(Math.max(...row))))
  const isHot = source.chance(0.3)
  const y = isHot
    ? F.oneHot(F.tensor(Int32Array.from(actual)), classes)
    : F.tensor(actual, [n], { dtype: source.pick(['int32', 'float32', 'uint8']) })
  return { n, columns: classes, rows, actual, guessed, flat: outputs, x: float(outputs, [n, classes]), y }
}

/** Labels 0 and 1, of one output or of several. */
function ofLabels() {
  const [n, labels] = [source.pick([1, 2, 5, 17, 40]), source.int(1, 4)]
  const outputs = source.list(n * labels, value).map(Math.fround)
  const actual = source.list(n * labels, () => source.int(0, 1))
  const isFlat = labels === 1 && source.chance(0.5)
  const shape = isFlat ? [n] : [n, labels]
  const y = F.tensor(actual, labels === 1 && source.chance(0.5) ? [n] : shape, {
    dtype: source.pick(['int32', 'float32', 'uint8', 'bool']),
  })
  return { n, columns: labels, actual, flat: outputs, x: float(outputs, shape), y }
}

/** [the call, what it must give]. */
const METRICS = {
  accuracy() {
    const { x, y, n, actual, guessed } = ofClasses()
    return [data => F.accuracy(each => each, data), x, y, n === 0 ? Number.NaN : actual.filter((each, i) => each === guessed[i]).length / n]
  },
  accuracyOfLabels() {
    const { x, y, actual, flat } = ofLabels()
    const threshold = source.pick([0, 0.5, -1])
    const right = flat.filter((score, i) => !Number.isNaN(score) && Number(score > threshold) === actual[i]).length
    return [data => F.accuracy(each => each, data, { threshold }), x, y, actual.length === 0 ? Number.NaN : right / actual.length]
  },
  score() {
    const { x, y, n, actual, guessed, columns } = ofClasses()
    const [name, average] = [source.pick(Object.keys(SCORES)), source.pick(AVERAGES)]
    const wanted = scored(SCORES[name], tallied(actual, guessed, columns), average, false, n)
    return [data => F[name](each => each, data, { average }), x, y, wanted]
  },
  scoreOfLabels() {
    const { x, y, n, actual, flat, columns } = ofLabels()
    const [name, average, threshold] = [source.pick(Object.keys(SCORES)), source.pick(AVERAGES), source.pick([0, 0.5])]
    const guesses = flat.map((score, i) => (Number.isNaN(score) ? 1 - actual[i] : Number(score > threshold)))
    const per = f => Array.from({ length: columns }, (_, k) => sum(column(flat.map((_, i) => f(i)), columns, k))) // biome-ignore format: short
    const tally = { there: per(i => actual[i]), said: per(i => guesses[i]), both: per(i => actual[i] * guesses[i]) }
    return [data => F[name](each => each, data, { average, threshold }), x, y, scored(SCORES[name], tally, average, true, n)]
  },
  confusion() {
    const { x, y, n, actual, guessed, columns } = ofClasses()
    const counts = Array.from({ length: columns }, (_, i) => Array.from({ length: columns }, (_, j) => actual.filter((each, k) => each === i && guessed[k] === j).length)) // biome-ignore format: short
    return [data => F.confusionMatrix(each => each, data), x, y, n === 0 ? undefined : counts]
  },
  top() {
    const { x, y, n, actual, rows, columns } = ofClasses()
    const k = source.int(1, columns)
    const rank = (row, own) => row.filter((score, j) => score > row[own] || (score === row[own] && j < own)).length
    const right = actual.filter((own, i) => !rows[i].some(Number.isNaN) && rank(rows[i], own) < k).length
    return [data => F.topKAccuracy(each => each, data, { k }), x, y, n === 0 ? Number.NaN : right / n]
  },
  auc() {
    const isClasses = source.chance(0.5)
    const { x, y, actual, flat, columns, n } = isClasses ? ofClasses() : ofLabels()
    const average = source.pick(AVERAGES)
    const positives = isClasses ? flat.map((_, i) => Number(actual[Math.floor(i / columns)] === i % columns)) : actual
    const areas = Array.from({ length: columns }, (_, k) => area(column(flat, columns, k), column(positives, columns, k)))
    const there = Array.from({ length: columns }, (_, k) => sum(column(positives, columns, k)))
    const wanted = average === 'none' ? areas : average === 'micro' ? area(flat, positives) : averaged(areas, average === 'weighted' ? there : undefined, k => !Number.isNaN(areas[k])) // biome-ignore format: short
    return [data => F.rocAuc(each => each, data, { average }), x, y, n === 0 && average === 'none' ? undefined : wanted]
  },
  r2() {
    const { flat, columns, n, x } = ofLabels()
    const clean = flat.map(each => (Number.isFinite(each) ? each : 1))
    const truth = clean.map(() => Math.fround(source.pick([1, 2, source.next()])))
    const average = source.pick(AVERAGES)
    const all = Array.from({ length: columns }, (_, k) => determination(column(truth, columns, k), column(clean, columns, k)))
    const scores = all.map(([, , score]) => score)
    const spreads = all.map(([, spread]) => spread)
    const [rest, whole] = [sum(all.map(each => each[0])), sum(spreads)]
    const micro = n < 2 ? Number.NaN : whole === 0 ? Number(rest === 0) : 1 - rest / whole
    const mean = averaged(scores, average === 'weighted' && whole > 1e-12 ? spreads : undefined, () => true)
    const wanted = average === 'none' ? scores : average === 'micro' ? micro : mean
    const isOdd = spreads.some(spread => spread > 0 && spread < 1e-9)
    return [data => F.r2(each => each, data, { average }), float(clean, x.shape), float(truth, x.shape), n === 0 || isOdd ? undefined : wanted] // biome-ignore format: short
  },
}

const near = (a, b) =>
  Array.isArray(b)
    ? Array.isArray(a) && a.length === b.length && b.every((each, i) => near(a[i], each))
    : Object.is(a, b) || Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b))

async function* later(list) {
  for (const each of list) {
    await undefined
    yield each
  }
}

function cut(x, y) {
  const batches = []
  for (let at = 0; at < x.shape[0]; ) {
    const size = source.int(1, 9)
    batches.push([x.slice([[at, at + size]]), y.slice([[at, at + size]])])
    at += size
  }
  return batches
}

for (const seed of seeds()) {
  source = new Source(seed)
  const { tensors } = F.memory()
  const name = source.pick(Object.keys(METRICS))
  let text = name
  const own = []
  try {
    const [call, x, y, wanted] = F.scope(() => {
      const made = METRICS[name]()
      F.keep(made[1])
      F.keep(made[2])
      return made
    })
    own.push(x, y)
    text = `${name}: ${call.toString().slice(8, 60)} of [${x.shape}]{${x.data().slice(0, 20)}} and ${y.dtype} [${y.shape}]{${y.data().slice(0, 20)}}`
    if (wanted === undefined) continue
    const check = (what, result) => {
      const got = result instanceof F.Tensor ? result.toArray() : result
      if (result instanceof F.Tensor) result.dispose()
      if (!near(got, wanted)) throw new Error(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`)
    }
    F.scope(() => check('whole', call([x, y])))
    if (x.shape[0] === 0) continue
    const batches = F.scope(() => cut(x, y).map(pair => pair.map(each => F.keep(each))))
    own.push(...batches.flat())
    F.scope(() => check('batches', call(batches)))
    F.scope(() => check('a loader', call(new F.DataLoader([x, y], { batchSize: source.int(1, 9) }))))
    check('an asynchronous source', await call(later(batches)).then?.(each => each))
  } catch (error) {
    failed(seed, error.stack.split('\n').slice(0, 2).join(' '), text)
  } finally {
    for (const each of own) each.dispose()
    if (F.memory().tensors > tensors) failed(seed, `${F.memory().tensors - tensors} tensors are left`, text)
  }
}
finish()
