import { checkOptions, kindOf, placed, refuseSurplus, typeError, written } from '../errors.ts'
import { CLONE } from '../params/clone.ts'
import { called, inheritMode } from '../tape/mode.ts'
import { inScope, scoped } from '../tensor/scope.ts'
import { hint, printed } from '../tensor/seal.ts'
import { OWNED, ownedIn, PARTS, TRAINABLE, table } from '../tensor/walk.ts'
import { LABEL } from './label.ts'
import { printModel } from './print.ts'

/** A layer: a function from its inputs to its output, with its parameters, sub-layers and settings as properties. */
export type Layer<Fields extends object, Inputs extends readonly unknown[], Output> = ((...inputs: Inputs) => Output) & Readonly<Fields>

/** What `layer` can be told of its fields and its name. */
export interface LayerOptions<Fields extends object> {
  /** The fields that are trained; the others are buffers, kept by `state` but not in `params`. All by default. */
  readonly trainable?: readonly (keyof Fields & string)[] | undefined
  /** How the layer prints and how errors name it, such as `Dense(784, 10)`; its name by default, null to leave it out of error paths. */
  readonly label?: string | null | undefined
}

/** A call that no scope is around: what it makes on the way is freed. */
function alone<Inputs extends readonly unknown[], Output>(call: (inputs: Inputs) => Output, inputs: Inputs): Output {
  return scoped(() => call(inputs), ownedIn)
}

/** The function that a layer is. What structuredClone and postMessage throw is the beginning of its source, so it begins with what to do. */
function callable<Inputs extends readonly unknown[], Output>(call: (inputs: Inputs) => Output): (...inputs: Inputs) => Output {
  const [named] = Object.values({
    'a model, which lies in the memory of its own thread (send saveSafetensors(model)),'(...inputs: Inputs): Output {
      return inScope() ? call(inputs) : alone(call, inputs)
    },
  })
  return named
}

/** A layer made again, in the mode of the one that it was made of. */
export function alike<Made extends object>(made: Made, of: object): Made {
  inheritMode(made, of)
  return made
}

/** Properties that every function has or inherits, and a field would hide. */
const RESERVED = ['apply', 'call', 'bind', 'toString', 'constructor', 'prototype', 'caller', 'arguments']

/** Options that layers have no field for: to assign one would do nothing. */
const SETTLED = ['stride', 'pad', 'dilation', 'groups', 'outPad', 'flipKernel', 'affine', 'trackStats', 'init']

/** What all layers inherit: the names that other libraries have. */
const inherited = (): object => {
  if (!prototype) {
    // What is asked of every model need not go as far as the hints; V8 does not see a function behind them.
    const asked = { [OWNED]: { value: undefined }, [PARTS]: { value: undefined }, [Symbol.toStringTag]: { value: 'Function' } }
    prototype = Object.create(Function.prototype, asked) as object
    const mode = 'A model trains while a gradient is being taken, and is in test mode otherwise'
    const fit = 'Write train(loss, params(model), data, Adam())'
    const frozen = 'Write freeze(model), or freeze(model.weight); thaw undoes it'
    const another =
      'It was read when the layer was made: make another one, of the same weight if need be, as in Conv(conv.weight, conv.bias, relu, { stride: 2 })'
    const fixed = Object.fromEntries(SETTLED.map(name => [name, another]))
    hint(
      prototype,
      'A model',
      () => ({
        fit,
        compile: fit,
        predict: 'Write model(x)',
        forward: 'Write model(x)',
        evaluate: 'Write accuracy(model, data)',
        parameters: 'Write params(model)',
        named_parameters: 'Write params(model).entries()',
        requires_grad_: frozen,
        save: 'Write saveSafetensors(model)',
        getWeights: 'Write state(model)',
        to: 'Everything is computed on the processor',
        train: mode,
        eval: mode,
        state_dict: 'Write state(model)',
        load_state_dict: 'Write loadState(model, state)',
        zero_grad: 'Gradients are returned, and do not add up',
        summary: 'Write summary(model, shape)',
      }),
      { trainable: frozen, requires_grad: frozen, ...fixed },
    )
  }
  return prototype
}
let prototype: object | undefined

/**
 * Makes a layer of your own from its fields (tensors, layers, settings) and a function of them and of the inputs.
 *
 * What the outermost call of a layer makes on the way is freed when it returns. Throws TypeError where the name is missing, and for a field
 * named like something that every function has (`apply`, `call`, `bind`).
 *
 * @example
 * const Scaled = n => layer('Scaled', { scale: ones([n]) }, (self, x) => x.mul(self.scale))
 * Scaled(2)(tensor([3, 4])).toArray() // [3, 4]
 */
export function layer<Fields extends object, Inputs extends readonly unknown[], Output>(
  name: string,
  fields: Fields,
  forward: (self: Readonly<Fields>, ...inputs: Inputs) => Output,
  options: LayerOptions<Fields> = {},
): Layer<Fields, Inputs, Output> {
  if (typeof name !== 'string' || typeof fields !== 'object' || fields === null || typeof forward !== 'function') {
    const came = [name, fields, forward].map(kindOf).join(', ')
    throw typeError('layer', 'takes a name, an object of fields and a function', came, "Write layer('Own', { w }, (self, x) => y).")
  }
  const reserved = Object.keys(fields).find(key => RESERVED.includes(key))
  if (reserved !== undefined)
    throw typeError('layer', `a field cannot be named '${reserved}': every function has it`, '', `Choose another name in ${name}.`)
  checkOptions('layer', options, ['trainable', 'label'])
  if (arguments.length > 4) refuseSurplus('layer', 4, arguments)
  const { trainable, label = name } = options
  if (trainable !== undefined && !Array.isArray(trainable))
    throw typeError('layer', 'trainable is a list of names of fields', `${written(trainable)} came`)
  if (label !== null && typeof label !== 'string') throw typeError('layer', 'the label is a text, or null', `${written(label)} came`)
  const unknown = trainable?.find(key => !(key in fields))
  if (unknown !== undefined) throw typeError('layer', `trainable names a field that ${name} does not have`, `'${String(unknown)}'`)

  const call = (inputs: Inputs): Output => {
    const outer = called.layer
    called.layer = self
    try {
      return called.around === undefined ? forward(self, ...inputs) : (called.around(self, forward, inputs) as Output)
    } catch (error) {
      throw label === null ? error : placed(error, label)
    } finally {
      called.layer = outer
    }
  }
  const self = callable<Inputs, Output>(call) as Layer<Fields, Inputs, Output>
  const hidden = (value: unknown) => ({ value, enumerable: false, configurable: true, writable: true })
  Object.defineProperties(self, {
    name: hidden(name),
    [LABEL]: hidden(label ?? name),
    [TRAINABLE]: hidden(trainable),
    [CLONE]: hidden((copies: Fields) => alike(layer(name, copies, forward, options), self)),
    toString: hidden(() => printModel(self)),
    toJSON: hidden(() => table(self)),
  })
  Object.setPrototypeOf(self, inherited())
  printed(self)
  // A function owns a read-only `name` and `length`: fields are defined, not assigned.
  for (const [key, value] of Object.entries(fields)) {
    Object.defineProperty(self, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return self
}
