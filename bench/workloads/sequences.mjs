import { uniform } from '../harness/random.mjs'

/**
 * Two language models over characters, one training step each: forward, cross-entropy of every next character, backward, Adam at 1e-3. As in
 * mlp.mjs two sets of targets alternate, so that gradients keep their size. And what the second one takes to write: a prompt of 16 characters, then 32 one by one.
 */
const vocabulary = 65

/** Entries of a step: tokens and targets of `shape`, and weights of the given shapes, uniform within 1 / √inputs but for those that are filled. */
function data(shape, weights) {
  const random = uniform(10)
  const count = shape[0] * shape[1]
  const entries = {
    tokens: { shape, data: random.integers(count, vocabulary) },
    'classes.0': { shape, data: random.integers(count, vocabulary) },
    'classes.1': { shape, data: random.integers(count, vocabulary) },
  }
  for (const [name, [size, fill]] of Object.entries(weights)) {
    const length = size.reduce((product, each) => product * each, 1)
    const bound = 1 / Math.sqrt(size[size.length - 1])
    entries[name] = { shape: size, data: fill === undefined ? random.floats(length, -bound, bound) : new Float32Array(length).fill(fill) }
  }
  return entries
}

/** Embedding, one LSTM, Dense. PyTorch's second bias stays zero. */
function lstm(name, batch, steps, width) {
  const weights = {
    embedding: [[vocabulary, width]],
    weightX: [[4 * width, width]],
    weightH: [[4 * width, width]],
    bias: [[4 * width], 0],
    headWeight: [[vocabulary, width]],
    headBias: [[vocabulary], 0],
  }
  // The embedding wants the gradient of its products' input, too.
  const products = steps * (2 * 4 * width * width + width * vocabulary)
  return {
    name,
    family: 'lstm',
    spec: { batch, steps, width, rate: 1e-3 },
    flops: 3 * 2 * batch * products,
    data: () => data([batch, steps], weights),
  }
}

/** Pre-norm blocks of causal attention and GELU, a norm and a Dense at the end: its weights, and the multiply-adds of one token that sees `context` of them. */
function transformer(context, { blocks, width, heads }) {
  const weights = { embedding: [[vocabulary, width]], position: [[context, width]] }
  const dense = (part, outputs, inputs) => {
    weights[`${part}.weight`] = [[outputs, inputs]]
    weights[`${part}.bias`] = [[outputs], 0]
  }
  const norm = part => {
    weights[`${part}.scale`] = [[width], 1]
    weights[`${part}.shift`] = [[width], 0]
  }
  for (let i = 0; i < blocks; i++) {
    norm(`${i}.before`)
    dense(`${i}.qkv`, 3 * width, width)
    dense(`${i}.out`, width, width)
    norm(`${i}.between`)
    dense(`${i}.up`, 4 * width, width)
    dense(`${i}.down`, width, 4 * width)
  }
  norm('norm')
  dense('head', vocabulary, width)
  const multiplyAdds = seen => blocks * ((3 + 1 + 4 + 4) * width * width + 2 * seen * width) + width * vocabulary
  return { weights, multiplyAdds, spec: { context, blocks, width, heads } }
}

function gpt(name, batch, context, sizes) {
  const { weights, multiplyAdds, spec } = transformer(context, sizes)
  const flops = 3 * 2 * batch * context * multiplyAdds(context)
  return { name, family: 'gpt', spec: { ...spec, batch, rate: 1e-3 }, flops, data: () => data([batch, context], weights) }
}

function generation(name, prompt, tokens, context, sizes) {
  const { weights, multiplyAdds, spec } = transformer(context, sizes)
  let flops = 2 * prompt * multiplyAdds(prompt)
  for (let at = prompt; at < prompt + tokens; at++) flops += 2 * multiplyAdds(at + 1)
  return { name, family: 'generation', spec: { ...spec, prompt, tokens }, flops, data: () => data([1, context], weights) }
}

const small = { blocks: 4, width: 128, heads: 4 }
export const workloads = [lstm('lstm', 32, 32, 128), gpt('gpt', 16, 64, small), generation('generate', 16, 32, 64, small)]
