import { Chain, Dense, flatten, layer, ones, params, relu, ShapeError, softmax, type Tensor, tensor, zeros } from 'fluxtape'
import { describe, expect, it } from 'vitest'

const twice = (x: Tensor) => x.mul(2)
const plusOne = (x: Tensor) => x.add(1)

describe('Chain', () => {
  it('applies its links from the first to the last', () => {
    expect(Chain(twice, plusOne)(tensor([3])).toArray()).toEqual([7])
    expect(Chain(plusOne, twice)(tensor([3])).toArray()).toEqual([8])
  })

  it('takes flatten as it is: samples stay apart', () => {
    expect(Chain(flatten, Dense(6, 2))(zeros([4, 2, 3])).shape).toEqual([4, 2])
  })

  it('of nothing is the identity', () => {
    const x = tensor([1, 2])
    expect(Chain()(x)).toBe(x)
    expect(Chain({})(x)).toBe(x)
    expect([...Chain()]).toEqual([])
    expect(Chain().length).toBe(0)
  })

  it('nests', () => {
    const inner = Chain(plusOne, twice)
    const model = Chain(inner, Chain(inner, Chain()))
    expect(model(tensor([1])).toArray()).toEqual([10])
    expect(model[1][0]).toBe(inner)
  })

  it('holds its layers by index, in `layers`, and when iterated', () => {
    const links = [Dense(2, 3), relu, Dense(3, 1)]
    const model = Chain(...links)
    expect([model[0], model[1], model[2], model[3]]).toEqual([...links, undefined])
    expect(model[0]).toBe(links[0])
    expect([...model]).toEqual(links)
    expect([...model][2]).toBe(links[2])
    expect(model.layers).toEqual(links)
    expect(model.length).toBe(3)
  })

  it('names its layers', () => {
    const model = Chain({ hidden: Dense(2, 3, relu), out: Dense(3, 1), softmax })
    expect(model[0]).toBe(model.hidden)
    expect(model[1]).toBe(model.layers.out)
    expect(model.softmax).toBe(softmax)
    expect([...model]).toEqual([model.hidden, model.out, softmax])
    expect(params(model).paths()).toEqual(['layers.hidden.weight', 'layers.hidden.bias', 'layers.out.weight', 'layers.out.bias'])
    expect(model(ones([1, 2])).shape).toEqual([1, 1])
  })

  it('passes several inputs to its first link, and whatever a link gives to the next', () => {
    const model = Chain(
      (a: Tensor, b: Tensor) => [a.add(b), a.sub(b)],
      ([sum, difference]: Tensor[]) => sum.mul(difference),
    )
    expect((model as unknown as (a: Tensor, b: Tensor) => Tensor)(tensor([5]), tensor([3])).toArray()).toEqual([16])
  })

  it('is no parameter of a Params and no model of its links alone', () => {
    expect(params(Chain(twice, Dense(2, 2), plusOne)).paths()).toEqual(['layers.1.weight', 'layers.1.bias'])
  })

  it.each([
    ['a tensor', () => Chain(ones([2]) as never), 'Chain: every link is a layer or a function: number 0 is a tensor.'],
    ['undefined', () => Chain(relu, undefined as never), 'Chain: every link is a layer or a function: number 1 is undefined.'],
    ['a named number', () => Chain({ a: relu, b: 3 as never }), "Chain: every link is a layer or a function: 'b' is number."],
    ['the name `length`', () => Chain({ length: relu }), "Chain: a layer cannot be named 'length': every function has it."],
    ['the name `call`', () => Chain({ call: relu }), "Chain: a layer cannot be named 'call': every function has it."],
    ['the name `layers`', () => Chain({ layers: relu }), "Chain: a layer cannot be named 'layers': every function has it."],
  ])('refuses %s as a link', (_, make, message) => {
    expect(make).toThrow(new TypeError(message))
  })
})

describe('an error inside a chain', () => {
  const path = (f: () => unknown): readonly string[] => {
    try {
      f()
    } catch (error) {
      if (error instanceof ShapeError) {
        expect(error.message.split('\n').at(-1)).toBe(`in ${error.path.join(': ')}`)
        expect(error.message.split('\n')).toHaveLength(2)
        return error.path
      }
      throw error
    }
    throw new Error('nothing was thrown')
  }

  it('says which layer', () => {
    const model = Chain(Dense(2, 3), relu, Dense(4, 1))
    expect(path(() => model(ones([1, 2])))).toEqual(['Chain[2]', 'Dense(4, 1)'])
    expect(() => model(ones([1, 2]))).toThrow(
      'linear: sizes differ: x [1, 3], weight [1, 4], bias [1]. ' +
        'The last axis of x must be the second of the weight [out, in]; the bias is [out].\nin Chain[2]: Dense(4, 1)',
    )
  })

  it('says it through chains in chains, by name and by index', () => {
    const model = Chain({ body: Chain(relu, Chain(Dense(3, 1))), head: relu })
    expect(path(() => model(ones([1, 2])))).toEqual(['Chain.body', 'Chain[1]', 'Chain[0]', 'Dense(3, 1)'])
  })

  it('says it for a function that is a link', () => {
    expect(path(() => Chain(relu, (x: Tensor) => x.matmul(ones([3, 3])))(ones([1, 2])))).toEqual(['Chain[1]'])
  })

  it('says it through a layer of your own', () => {
    const block = layer('Block', { inner: Dense(3, 3) }, (self, x: Tensor) => self.inner(x).add(x), { label: 'Block(3)' })
    expect(path(() => Chain(block)(ones([1, 2])))).toEqual(['Chain[0]', 'Block(3)', 'Dense(3, 3)'])
  })

  it("does not touch an error that is not the library's, and the model goes on", () => {
    const model = Chain((x: Tensor) => {
      if (x.size > 1) throw new Error('mine')
      return x
    })
    expect(() => model(zeros([2]))).toThrow(new Error('mine'))
    expect(model(tensor([4])).toArray()).toEqual([4])
  })
})
