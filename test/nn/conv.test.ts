import {
  Adam,
  Chain,
  Conv,
  ConvTranspose,
  CrossCor,
  checkpoint,
  clone,
  conv,
  convTranspose,
  DepthwiseConv,
  flatten,
  flip,
  gelu,
  glorotUniform,
  gradient,
  identity,
  jit,
  kaimingNormal,
  manualSeed,
  outputSize,
  params,
  rand,
  randn,
  relu,
  state,
  summary,
  type Tensor,
  tanh,
  tensor,
  trainStep,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { fusion } from '../../src/ops/fusion.ts'

describe('a layer that is a convolution', () => {
  it('makes its weight as PyTorch lays it out, within the bounds of glorotUniform, and a bias of zeros', () => {
    const layers = [
      Conv([5, 3], 4, 6, relu, { groups: 2 }),
      ConvTranspose([5, 3], 4, 6, relu, { groups: 2 }),
      DepthwiseConv([3], 4, 8),
      Conv([2, 3, 4], 1, 2),
    ]
    expect(layers.map(({ weight, bias }) => [weight.shape, bias?.shape])).toEqual([
      [[6, 2, 5, 3], [6]],
      [[4, 3, 5, 3], [6]],
      [[8, 1, 3], [8]],
      [[2, 1, 2, 3, 4], [2]],
    ])
    expect(layers[0].bias?.data().every(value => value === 0)).toBe(true)
    // Into each unit of a group flow 2 channels, out of each channel 64 units: as Flux counts them.
    const { weight } = Conv([3, 3], 4, 64, relu, { groups: 2 })
    const bound = Math.sqrt(6 / (9 * (2 + 64)))
    const largest = Math.max(...weight.data().map(Math.abs))
    expect(largest).toBeLessThanOrEqual(Math.fround(bound))
    expect(largest).toBeGreaterThan(bound * 0.95)
  })

  it('takes init, a bias or none, and ready tensors as they are', () => {
    const bias = tensor([1, 2])
    const weight = randn([2, 3, 3])
    expect(Conv([3], 3, 2, relu, { init: kaimingNormal, bias }).bias).toBe(bias)
    expect(Conv([3], 3, 2, relu, { bias: false }).bias).toBeUndefined()
    const made = Conv(weight, bias, relu, { pad: 1 })
    expect([made.weight, made.bias, made.activation]).toEqual([weight, bias, relu])
    expect([made.weight === weight, Conv(weight).bias?.toArray(), Conv(weight, false).bias]).toEqual([true, [0, 0], undefined])
    expect(Conv([3], 3, 2).activation).toBe(identity)
  })

  it.each<[text: string, make: () => unknown]>([
    ['Conv([5, 5], 1, 6, relu, { pad: 2 })  # 156 parameters', () => Conv([5, 5], 1, 6, relu, { pad: 2 })],
    ['Conv([3], 2, 6)     # 42 parameters', () => Conv([3], 2, 6, identity, { pad: [0], stride: [1] })],
    ['CrossCor([3], 2, 6)  # 42 parameters', () => CrossCor([3], 2, 6)],
    [
      'Conv([5, 5], 2, 6, relu, { pad: [1, 2, 3, 4], stride: 2, dilation: [1, 2], groups: 2, flipKernel: true, bias: false })  # 150 parameters',
      () => Conv([5, 5], 2, 6, relu, { pad: [1, 2, 3, 4], stride: [2, 2], dilation: [1, 2], groups: 2, bias: false, flipKernel: true }),
    ],
    ["Conv([3, 3], 2, 6, tanh, { pad: 'same' })  # 114 parameters", () => Conv([3, 3], 2, 6, tanh, { pad: 'same' })],
    [
      'Conv([3, 3], 2, 4, relu, { pad: [1, 2], groups: 2 })  # 40 parameters',
      () => Conv(rand([4, 1, 3, 3]), rand([4]), relu, { pad: [1, 1, 2, 2], groups: 2 }),
    ],
    [
      'ConvTranspose([3, 3], 4, 6, { pad: 1, stride: 2, outPad: [0, 1] })  # 222 parameters',
      () => ConvTranspose([3, 3], 4, 6, identity, { stride: 2, outPad: [0, 1], pad: [1, 1] }),
    ],
    ["DepthwiseConv([3, 3], 4, 8, gelu, { pad: 'same' })  # 80 parameters", () => DepthwiseConv([3, 3], 4, 8, gelu, { pad: 'same' })],
    ['DepthwiseConv([3], 4, 4, { bias: false })  # 12 parameters', () => DepthwiseConv(rand([4, 1, 3]), false)],
  ])('prints as %s', (text, make) => {
    expect(String(make())).toBe(text)
  })

  it('knows the size of what it gives, and how much it multiplies', () => {
    const model = Chain(Conv([5, 5], 1, 6, relu, { pad: 2 }), ConvTranspose([2, 2], 6, 3, relu, { stride: 2 }), DepthwiseConv([3, 3], 3, 6))
    expect(outputSize(model, [2, 1, 28, 20])).toEqual([2, 6, 54, 38])
    expect(outputSize(model, [0, 1, 28, 20])).toEqual([0, 6, 54, 38])
    const counts = [2 * 6 * 28 * 20 * 25, 2 * 6 * 28 * 20 * 3 * 4, 2 * 6 * 54 * 38 * 9]
    const found = summary(model, [2, 1, 28, 20]).split('\n').slice(2, 5)
    expect(found.map(line => Number(line.trim().split(/\s+/).at(-1)?.replaceAll('_', '')))).toEqual(counts)
  })

  it('has a name of its own for each field, as PyTorch has it', () => {
    expect([...state(Chain(Conv([3], 2, 3))).keys()]).toEqual(['layers.0.weight', 'layers.0.bias'])
    const model = Conv([3], 2, 3, relu, { stride: 2 })
    const x = randn([1, 2, 9])
    expect(clone(model)(x).toArray()).toEqual(model(x).toArray())
  })

  it('takes inputs of other sizes in turn', () => {
    const [layer, back] = [Conv([3, 3], 2, 3, relu, { stride: 2 }), ConvTranspose([3, 3], 3, 2)]
    const shapes = [[1, 2, 7, 7], [2, 2, 7, 7], [1, 2, 7, 7], [1, 2, 8, 9]] // biome-ignore format: one line
    expect(shapes.map(shape => back(layer(zeros(shape))).shape)).toEqual([[1, 2, 5, 5], [2, 2, 5, 5], [1, 2, 5, 5], [1, 2, 5, 6]]) // biome-ignore format: one line
    expect(() => layer(zeros([1, 3, 7, 7]))).toThrow('conv: x has 3 channels, the weight takes 2')
  })

  it('turns the kernel around where it is told to, as Flux does', () => {
    const [x, weight] = [randn([2, 3, 6, 5]), randn([4, 3, 3, 2])]
    const turned = conv(x, flip(weight, [2, 3]), { stride: 2 }).toArray()
    expect(conv(x, weight, { stride: 2, flipKernel: true }).toArray()).toEqual(turned)
    expect(Conv(weight, false, identity, { stride: 2, flipKernel: true })(x).toArray()).toEqual(turned)
  })

  it('of 1 x 1 is a product of the channels', () => {
    const [x, weight] = [randn([2, 3, 4, 5]), randn([7, 3, 1, 1])]
    const rows = x.permute([0, 2, 3, 1]).matmul(weight.reshape([7, 3]).transpose())
    const [got, wanted] = [conv(x, weight), rows.permute([0, 3, 1, 2])].map(each => each.data())
    expect(got.every((value, i) => Math.abs(value - wanted[i]) < 1e-5)).toBe(true)
  })

  it('has an activation that is no epilogue behind it, and any that gives a tensor', () => {
    const [x, weight, bias] = [randn([1, 2, 5]), randn([3, 2, 3]), randn([3])]
    const plain = conv(x, weight, { bias })
    expect(Conv(weight, bias, tanh)(x).toArray()).toEqual(tanh(plain).toArray())
    expect(Conv(weight, bias, y => y.mul(2))(x).toArray()).toEqual(plain.mul(2).toArray())
    expect(() => Conv(weight, bias, (() => 1) as never)(x)).toThrow('Conv: the activation gave no tensor: number. Return one')
  })

  it('writes the bits with bias and relu that it has behind it', () => {
    manualSeed(1)
    const [x, weight, bias] = [randn([2, 3, 7, 6]), randn([4, 3, 3, 3]), randn([4])]
    const bits = () => Conv(weight, bias, relu, { pad: 1 })(x).toArray()
    const fused = bits()
    expect(relu(conv(x, weight, { pad: 1, bias })).toArray()).toEqual(fused)
    fusion.bias = false
    try {
      expect(bits()).toEqual(fused)
    } finally {
      fusion.bias = true
    }
  })
})

describe('the sizes of a convolution', () => {
  const sizes = (n: number, k: number, options: object) => outputSize((x: Tensor) => conv(x, zeros([1, 1, k]), options), [1, 1, n])[2]
  const back = (n: number, k: number, options: object) =>
    outputSize((x: Tensor) => convTranspose(x, zeros([1, 1, k]), options), [1, 1, n])[2]

  it("with 'same' are those of the input over the stride, rounded up, or times it", () => {
    for (const k of [1, 2, 3, 4, 5]) {
      for (const stride of [1, 2, 3, 4]) {
        for (const n of [1, 2, 5, 6, 7]) {
          for (const dilation of [1, 2]) {
            expect(sizes(n, k, { pad: 'same', stride, dilation })).toBe(Math.ceil(n / stride))
            expect(back(n, k, { pad: 'same', stride, dilation })).toBe(n * stride)
          }
        }
      }
    }
  })

  it("with 'same' are taken back by the adjoint", () => {
    for (const k of [1, 2, 3, 4, 5]) {
      for (const stride of [1, 2, 3, 4]) {
        for (const dilation of [1, 2]) {
          const told = { pad: 'same', stride, dilation } as const
          const [w, x, y] = [randn([1, 1, k]), randn([1, 1, 3 * stride]), randn([1, 1, 3])]
          const there = conv(x, w, told).mul(y).sum().item()
          expect(convTranspose(y, w, told).mul(x).sum().item()).toBeCloseTo(there, 4)
        }
      }
    }
  })

  it('are taken back by a transposed one with what the stride left over as outPad', () => {
    for (const [n, k, stride, pad, dilation] of [
      [7, 3, 2, 1, 1],
      [8, 3, 2, 1, 1],
      [11, 4, 3, 0, 1],
      [9, 2, 4, 2, 3],
    ]) {
      const out = sizes(n, k, { stride, pad, dilation })
      const outPad = (n + 2 * pad - dilation * (k - 1) - 1) % stride
      expect(back(out, k, { stride, pad, dilation, outPad })).toBe(n)
    }
  })
})

describe('a convolutional network', () => {
  const model = () => {
    manualSeed(5)
    return Chain(
      Conv([3, 3], 1, 4, relu, { pad: 1 }),
      Conv([2, 2], 4, 6, tanh, { stride: 2, groups: 2 }),
      ConvTranspose([2, 2], 6, 2, relu, { stride: 2, bias: false }),
      DepthwiseConv([3, 3], 2, 4),
      flatten,
    )
  }
  const batch = (): [Tensor] => [rand([3, 1, 8, 6])]
  const losses = (wrap: (loss: (x: Tensor) => Tensor) => (x: Tensor) => Tensor) => {
    const net = model()
    const loss = wrap(x => net(x).square().mean())
    const ps = params(net)
    const optimizer = Adam(1e-2)
    return [...Array.from({ length: 4 }, () => trainStep(loss, ps, batch(), optimizer)), ...[...ps].map(p => p.toArray())]
  }

  it('is replayed by jit with the same bits', () => {
    expect(losses(jit)).toEqual(losses(loss => loss))
  })

  it('is run again by checkpoint with the same bits', () => {
    expect(losses(loss => x => checkpoint(loss, x))).toEqual(losses(loss => loss))
  })

  it('learns', () => {
    const found = losses(loss => loss) as number[]
    expect(found[3]).toBeLessThan(found[0])
  })

  it('of no images has no gradient but zeros', () => {
    const weight = glorotUniform([3, 2, 3, 3])
    const [bySelf, byWeight] = gradient((x, w) => conv(x, w, { pad: 1, bias: zeros([3]) }).sum(), zeros([0, 2, 5, 5]), weight)
    expect([bySelf?.shape, byWeight?.data().every(value => value === 0)]).toEqual([[0, 2, 5, 5], true])
    expect(
      conv(zeros([2, 0, 3, 3]), zeros([4, 0, 2, 2]), { bias: tensor([1, 2, 3, 4]) })
        .max(-1)
        .max(-1)
        .toArray(),
    ).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ])
  })
})
