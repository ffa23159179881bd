// Attention, embeddings, positions and norms of random sizes and options, alone and as blocks with tied weights: value, gradients by all that has one and
// second derivatives, held to PyTorch in double precision (attention.py); and the forms of one program (threads, jit, views, checkpoints, one more gradient
// around it, weights returned, pieces with a cache, frozen parts) to each other.
import { weighed } from './graph.mjs'
import { F } from './library.mjs'
import { bits, datas, holdPrograms, recorder } from './programs.mjs'
import { Source, sizeOf } from './source.mjs'

/** What programs have in common: `inputs` are differentiated, `call(inputs)` gives a list of results. */
class Program {
  constructor(source) {
    this.source = source
    this.ps = []
    /** How attention is drawn where it may attend: half of the queries see few keys. */
    this.bools = []
  }
  normal() {
    const { source } = this
    return (source.next() + source.next() + source.next() - 1.5) * 2
  }
  fill(shape, scale = 1) {
    return F.tensor(Float32Array.from(this.source.list(sizeOf(shape), () => scale * this.normal())), shape)
  }
  /** Params of a layer, with random values. */
  filled(layer, scale) {
    for (const p of F.params(layer)) {
      F.assign(p, this.fill(p.shape, p.rank > 1 ? scale / Math.sqrt(p.shape.at(-1)) : scale))
      this.ps.push(p)
    }
    return layer
  }
  loss = (inputs = this.inputs) => this.call(inputs).reduce((sum, y, i) => sum.add(weighed(y, i + 1)), F.tensor(0))
  first(inputs = this.inputs, loss = this.loss, ps = this.ps) {
    const all = [...inputs, ...ps]
    return F.gradient(loss, inputs, ...(ps.length > 0 ? [ps] : []))
      .flat()
      .map((g, i) => g ?? F.zerosLike(all[i]))
  }
  second() {
    const more = this.ps.length > 0 ? [this.ps] : []
    const total = (inputs, ...ps) =>
      F.gradient(this.loss, inputs, ...ps)
        .flat()
        .map((g, i) => (g ? weighed(g, i + 0.5) : F.tensor(0)))
        .reduce((sum, each) => sum.add(each))
    return F.gradient(total, this.inputs, ...more)
      .flat()
      .map((g, i) => g ?? F.zerosLike([...this.inputs, ...this.ps][i]))
  }
  mask(shape) {
    const part = this.part(shape)
    const share = this.source.pick([0.1, 0.5, 0.9])
    const list = this.source.list(sizeOf(part), () => this.source.chance(share))
    this.bools.push({ shape: part, list: list.map(Number).join('') })
    return F.tensor(list.map(Number), part).cast('bool')
  }
  part(shape) {
    return shape.slice(this.source.pick([0, 0, 1, 2, 2])).map(size => (this.source.chance(0.3) ? 1 : size))
  }
  toString() {
    return `${this.layer}(${this.inputs.map(each => `[${each.shape}]`)}), ${JSON.stringify(this.options)}`
  }
}

class Attention extends Program {
  constructor(source) {
    super(source)
    const size = () => source.pick([1, 2, 3, 4, 5, 7, 8, 12, 16, 17])
    const heads = source.pick([1, 1, 2, 3, 4, 8])
    const each = source.pick([[1], [4], [1, 2, 3, 4, 5, 8, 12, 16, 17, 33]])
    const qk = heads * source.pick(each)
    const values = source.chance(0.5) ? qk : heads * source.pick(each)
    const form = source.pick(['one', 'pair', 'three'])
    const isOne = source.chance(0.2)
    const features = isOne ? [qk, qk, qk] : form === 'three' ? [size(), size(), size()] : Array(3).fill(size())
    if (form === 'pair' && !isOne) features[1] = features[2] = size()
    const out = isOne ? qk : size()
    const same = new Set(features).size === 1
    const inner = qk === values && source.chance(0.5) ? qk : [qk, isOne ? qk : values]
    const dims = isOne ? qk : [same && source.chance(0.5) ? features[0] : features, inner, out]
    const told = { heads, ...(source.chance(0.5) && { bias: true }), ...(source.chance(0.2) && { causal: true }) }
    this.layer = this.filled(F.MultiHeadAttention(dims, told), source.pick([0.3, 1, 1, 4]))
    const batch = source.pick([0, 1, 1, 2, 3])
    const time = () => source.pick([0, 1, 1, 2, 3, 4, 5, 8, 9, 13, 33, ...(source.chance(0.1) ? [64, 65, 70, 129] : [])])
    const tq = time()
    const tk = form === 'one' ? tq : time()
    const scale = source.pick([0.5, 1, 3, source.chance(0.2) ? 100 : 1])
    this.scores = [batch, heads, tq, tk]
    const q = this.fill([batch, tq, features[0]], scale)
    const others = form === 'one' ? [] : form === 'pair' ? [features[1]] : features.slice(1)
    if (form === 'one' && !same) others.push(features[1], features[2])
    this.inputs = [q, ...others.map(width => this.fill([batch, form === 'one' ? tq : tk, width], scale))]
    if (form === 'pair' && features[1] !== features[2]) throw new Error('a pair has one size')
    if (form === 'one') this.scores[3] = tq
    this.told = {
      ...(source.chance(0.4) && { mask: this.mask(this.scores) }),
      ...(source.chance(0.2) && { causal: source.chance(0.7) }),
      ...(source.chance(0.25) && { returnWeights: true }),
    }
    this.isBiased = source.chance(0.4)
    if (this.isBiased) this.inputs.push(this.fill(this.part(this.scores), source.pick([1, 5])))
    this.isConstant = this.isBiased && source.chance(0.5)
    const { causal = told.causal ?? false, returnWeights = false } = this.told
    this.causal = causal
    this.options = {
      ...{ kind: 'attention', heads, causal, returnWeights, bias: !!told.bias, mask: this.bools[0], biased: this.isBiased },
      ...{ constant: this.isConstant, tensors: this.inputs.length - (this.isBiased ? 1 : 0) },
    }
  }

  call(inputs = this.inputs, more = {}) {
    const tensors = this.isBiased ? inputs.slice(0, -1) : inputs
    const bias = this.isBiased ? inputs.at(-1) : undefined
    const y = this.layer(...tensors, { ...this.told, ...(bias && { bias: this.isConstant ? F.stopGradient(bias) : bias }), ...more })
    return [y].flat()
  }

  forms(also) {
    const weighted = this.call(this.inputs, { returnWeights: true })
    also('weights returned', 'values', datas(weighted).slice(0, 1))
    if (this.inputs.length === 1 && this.causal && !this.told.mask && this.inputs[0].shape[1] > 1 && !this.told.returnWeights)
      pieces(this, ([x], cache) => this.layer(x, { causal: true, cache }), also)
  }
}

/** What comes in pieces, each with the cache, is what comes at once. */
function pieces({ source, inputs: [x] }, call, also) {
  const cache = F.Cache()
  const time = x.shape[1]
  const parts = []
  for (let at = 0; at < time; ) {
    const n = source.int(1, time - at)
    const part = x.slice([null, [at, at + n]])
    if (source.chance(0.2)) {
      try {
        F.withCache(cache, () => {
          call([part], undefined)
          throw new Error('midway')
        })
      } catch (error) {
        if (error.message !== 'midway') throw error
      }
    }
    parts.push(F.keep(call([part], cache)))
    at += n
  }
  const all = F.concat(parts, 1)
  cache.dispose()
  for (const part of parts) part.dispose()
  also('pieces with a cache', 'values', datas([all]))
}

const isPlace = kind => kind === 'rotary' || kind === 'sinusoidal'

/** Blocks of a small language model: embeddings, positions, norms, attention, a recurrent layer here and there, and the embedding as head. */
class Blocks extends Program {
  constructor(source) {
    super(source)
    const heads = source.pick([1, 2, 4])
    const size = heads * source.pick([2, 4, 6, 8])
    const vocabulary = source.pick([1, 3, 7, 16])
    const [batch, time] = [source.pick([1, 1, 2, 3, 0]), source.pick([1, 2, 3, 5, 9, 13])]
    const paddingIdx = source.chance(0.3) ? source.int(0, vocabulary - 1) : undefined
    const kinds = source.list(source.int(1, 3), () => source.pick(['attention', 'attention', 'mlp', 'lstm', 'gru', 'rotary', 'sinusoidal']))
    const norm = source.pick(['LayerNorm', 'RMSNorm'])
    const make = {
      attention: () => F.MultiHeadAttention(size, { heads, causal: true, bias: source.chance(0.5) }),
      mlp: () => F.Chain(F.Dense(size, 5, F.gelu), F.Dense(5, size)),
      lstm: () => F.LSTM(size, size),
      gru: () => F.GRU(size, size),
      rotary: () => F.RotaryPositions({ heads, interleaved: rotaryForm }),
      sinusoidal: () => F.SinusoidalPositions(),
    }
    const rotaryForm = source.chance(0.5)
    this.embedding = this.filled(F.Embedding(vocabulary, size, { paddingIdx }), 1)
    this.blocks = kinds.map(kind => {
      return isPlace(kind) ? make[kind]() : this.filled(F.SkipConnection(F.Chain(F[norm](size), make[kind]()), F.add), 0.7)
    })
    this.layer = F.Chain(...this.blocks)
    this.isTied = source.chance(0.7)
    this.tokens = source.list(batch * time, () => source.int(0, vocabulary - 1))
    this.ids = F.tensor(Int32Array.from(this.tokens), [batch, time]).cast(source.pick(['int32', 'uint8', 'float32']))
    // A tensor that is added, so that there is an input with a gradient.
    this.inputs = [this.fill([batch, time, size], source.pick([0.5, 2]))]
    this.options = {
      ...{ kind: 'blocks', kinds, norm, heads, interleaved: rotaryForm, tied: this.isTied, paddingIdx, tokens: this.tokens },
      ...{ tokenShape: [batch, time], counts: this.blocks.map((block, i) => (isPlace(kinds[i]) ? 0 : [...F.params(block)].length)) },
    }
  }

  of(ids, x) {
    const h = this.layer(this.embedding(ids).add(x))
    return this.isTied ? h.matmul(this.embedding.weight.transpose()) : h
  }
  call([x] = this.inputs) {
    return [this.of(this.ids, x)]
  }

  forms(also) {
    const { ids, inputs } = this
    if (ids.shape[1] < 2) return
    let at = 0
    const call = ([part], cache) => {
      const n = part.shape[1]
      const some = ids.slice([null, [at, at + n]])
      if (!cache) return this.of(some, part)
      const y = F.withCache(cache, () => this.of(some, part))
      at += n
      return y
    }
    pieces({ source: this.source, inputs }, call, also)
  }
}

class Bags extends Program {
  constructor(source) {
    super(source)
    const [vocabulary, features] = [source.pick([1, 2, 5, 9, 30]), source.pick([1, 2, 3, 4, 5, 16, 17, 33])]
    const reduction = source.pick(['mean', 'sum', 'max'])
    const paddingIdx = source.chance(0.4) ? source.int(0, vocabulary - 1) : undefined
    this.layer = this.filled(F.EmbeddingBag(vocabulary, features, reduction, { paddingIdx }), 1)
    const token = () => source.int(0, vocabulary - 1)
    const count = source.pick([0, 1, 2, 5, 8])
    const form = source.pick(['list', 'offsets', 'rows', 'rows', 'bool'])
    const width = source.pick([0, 1, 2, 5])
    const bags =
      form === 'rows' || form === 'bool'
        ? source.list(count, () => source.list(width, token))
        : source.list(count, () => source.list(source.int(0, 6), token))
    this.bags = form === 'list' && count === 0 ? [[]] : bags
    let next = 0
    const starts = bags.map(bag => (next += bag.length) - bag.length)
    const flat = F.tensor(Int32Array.from(bags.flat()))
    const rows = () => flat.reshape([count, width])
    const input = {
      list: () => [this.bags],
      offsets: () => [source.chance(0.5) ? flat : flat.cast('float32'), source.chance(0.5) ? starts : F.tensor(Int32Array.from(starts))],
      rows: () => [rows()],
      bool: () => [F.oneHot(rows(), vocabulary)],
    }[form]()
    this.given = input
    this.inputs = [this.fill([1])]
    this.options = { kind: 'bags', bags: this.bags, reduction, paddingIdx, form }
  }
  call([scale] = this.inputs) {
    const y = this.layer(...this.given)
    return [y.mul(y).mul(scale)]
  }
  forms() {}
}

/** Throws where a form of the program gives something else. */
function compareForms(program, values, first, also) {
  const { inputs, ps } = program
  const turned = inputs.map(x => (x.rank > 1 ? x.transpose().mul(1).transpose() : x))
  bits('views', datas(program.call(turned)), values)
  bits('checkpoint', datas(program.first(inputs, own => F.checkpoint(program.loss, own))), first)
  const replayed = F.jit((...own) => [...program.call(own), ...program.first(own)])
  for (let i = 0; i < 3; i++) bits(`jit, call ${i}`, datas(replayed(...inputs)), [...values, ...first])
  replayed.dispose()
  let inner
  F.gradient(u => {
    inner = datas(program.first(inputs.map(each => each.add(u.mul(0)))))
    return u.mul(1)
  }, 1)
  also('a gradient around it', 'first', inner)
  const some = program.ps.filter((_, i) => i % 2)
  const of = some.map(p => inputs.length + ps.indexOf(p))
  const mine = [...inputs.keys(), ...of]
  if (some.length > 0) also('some of the parameters', 'first', datas(program.first(inputs, program.loss, some)), mine)
  program.forms(also)
}

await holdPrograms(
  'attention',
  seed => {
    F.manualSeed(seed)
    const source = new Source(seed)
    return new (source.pick([Attention, Attention, Attention, Blocks, Blocks, Bags]))(source)
  },
  recorder(compareForms),
)
