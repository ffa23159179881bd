import * as f from 'fluxtape'
import {
  Adam,
  accuracy,
  Chain,
  crossEntropy,
  Dense,
  gradient,
  layer,
  load,
  loadSafetensors,
  loadState,
  logitBinaryCrossEntropy,
  logitCrossEntropy,
  logSoftmax,
  mae,
  mse,
  ones,
  params,
  pullback,
  relu,
  saveSafetensors,
  scope,
  softmax,
  type Tensor,
  tensor,
  trainStep,
  withGradient,
  zeros,
} from 'fluxtape'
import { describe, expect, it } from 'vitest'
import { type Row, refuses } from './table.ts'

const x = ones([2, 3])
const w = ones([3])
const int = tensor(new Int32Array([1, 2]))

describe('gradient and its kin refuse', () => {
  refuses([
    [
      'a loss that is not scalar',
      () => gradient(z => z.mul(2), x),
      'ShapeError: gradient: only a float32 scalar has a gradient: float32 [2, 3]. Reduce it with mean() or sum(), or use pullback for a cotangent of your own.',
    ],
    [
      'a loss of integers',
      () => gradient(() => int.sum(), params(w)),
      `DTypeError: gradient: only a float32 scalar has a gradient: int32 []. Make it of float32 tensors: x.cast('float32'). Counts and comparisons have no derivative.`,
    ],
    [
      'a loss that is a number',
      () => gradient(z => z.sum().item() as never, x),
      'TypeError: gradient: the loss must be a tensor: number. Leave out what takes it off the tape, such as item() and data().',
    ],
    [
      'a loss that forgets to return',
      () => gradient(((z: Tensor) => void z.sum()) as never, x),
      'TypeError: gradient: the loss must be a tensor: undefined. Return it.',
    ],
    [
      'a list that does not begin with a loss',
      () => withGradient(z => ['a', z.sum()] as never, x),
      'TypeError: withGradient: the loss must be a tensor: string. Leave out what takes it off the tape, such as item() and data().',
    ],
    [
      'an empty list',
      () => withGradient(() => [] as never, x),
      'TypeError: withGradient: the loss must be a tensor: undefined. Return it.',
    ],
    [
      'a promise',
      () => gradient((async (z: Tensor) => z.sum()) as never, x),
      'TypeError: gradient: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'a value where the function belongs',
      () => gradient(x.sum() as never, params(w)),
      'TypeError: gradient: the first argument must be a function: a tensor. Write gradient(() => loss, ps).',
    ],
    [
      'a missing function',
      () => pullback(undefined as never, x),
      'TypeError: pullback: the first argument must be a function: undefined. Write pullback(() => loss, ps).',
    ],
    [
      'a Params with more arguments',
      () => gradient((() => w.sum()) as never, params(w), x),
      'TypeError: gradient: a Params stands alone: 2 arguments came. Write gradient(() => loss, ps).',
    ],
    [
      'a tensor that was not asked for',
      () => gradient(() => w.sum(), params(w)).get(x),
      'RangeError: Grads: the tensor is not among the parameters that were differentiated. Pass it to params(...) before the gradient is taken.',
    ],
    [
      'a loss that is not scalar, by name',
      () => withGradient(z => z.mul(2) as never, x),
      'ShapeError: withGradient: only a float32 scalar has a gradient: float32 [2, 3]. Reduce it with mean() or sum(), or use pullback for a cotangent of your own.',
    ],
    [
      'a result that is no tensor',
      () => pullback((() => 3) as never, x),
      'TypeError: pullback: a tensor is needed: number. Make one with tensor(...).',
    ],
    [
      'a promise in a scope',
      () => scope((async () => 3) as never),
      'TypeError: scope: the function returned a promise. Await the data before, and pass a function that is not async.',
    ],
    [
      'no arguments that can be differentiated',
      () => params(int),
      'TypeError: params: no trainable tensor was found: a tensor of int32. Pass float32 tensors, or models that hold them.',
    ],
    [
      'nothing',
      () => params(),
      'TypeError: params: no trainable tensor was found: nothing was passed. Pass float32 tensors, or models that hold them.',
    ],
    [
      'a closure',
      () => params((z: Tensor) => z.mul(w)),
      'TypeError: params: no trainable tensor was found: function. A function hides the tensors that it closes over: pass them, as in params(W, b), or make the model with layer(...).',
    ],
    [
      'a closure in a list',
      () => params([() => w]),
      'TypeError: params: no trainable tensor was found: an array. Pass float32 tensors, or models that hold them.',
    ],
    [
      'null',
      () => params(null, 'text'),
      'TypeError: params: no trainable tensor was found: null, string. Pass float32 tensors, or models that hold them.',
    ],
  ])
})

describe('layers refuse', () => {
  const model = Chain(Dense(3, 4, relu), Chain({ hidden: Dense(4, 4), out: Dense(5, 2) }))
  refuses([
    [
      'an input of another size',
      () => Dense(4, 2)(x),
      `ShapeError: linear: sizes differ: x [2, 3], weight [2, 4], bias [2]. The last axis of x must be the second of the weight [out, in]; the bias is [out].\nin Dense(4, 2)`,
    ],
    [
      'an input of another size, deep inside, and say where',
      () => model(x),
      `ShapeError: linear: sizes differ: x [2, 4], weight [2, 5], bias [2]. The last axis of x must be the second of the weight [out, in]; the bias is [out].\nin Chain[1]: Chain.out: Dense(5, 2)`,
    ],
    [
      'a number as input, and say where',
      () => model(3 as never),
      'TypeError: linear: a tensor is needed: number. Make one with tensor(...).\nin Chain[0]: Dense(3, 4, relu)',
    ],
    [
      'a scalar as input',
      () => Dense(1, 1)(tensor(1)),
      `ShapeError: linear: sizes differ: x [], weight [1, 1], bias [1]. The last axis of x must be the second of the weight [out, in]; the bias is [out].\nin Dense(1, 1)`,
    ],
    [
      'what an own function refuses, and say where',
      () => Chain(Dense(3, 4), (y: Tensor) => y.reshape([7]))(x),
      `ShapeError: reshape: the sizes do not multiply to the number of elements: [2, 4] to [7]. They must multiply to 8; one of them may be -1.\nin Chain[1]`,
    ],
    [
      'what a loss in training refuses, and say where',
      () => trainStep((z: Tensor) => model(z).sum(), params(model), x, Adam()),
      `ShapeError: linear: sizes differ: x [2, 4], weight [2, 5], bias [2]. The last axis of x must be the second of the weight [out, in]; the bias is [out].\nin Chain[1]: Chain.out: Dense(5, 2)`,
    ],
    [
      'sizes that are not whole',
      () => Dense(3.5, 2),
      'TypeError: Dense: the sizes must be whole numbers from 1: 3.5, 2. Write Dense(inputs, outputs).',
    ],
    [
      'a missing size',
      () => Dense(3, undefined as never),
      'TypeError: Dense: the sizes must be whole numbers from 1: 3, undefined. Write Dense(inputs, outputs).',
    ],
    [
      'softmax as an activation',
      () => Dense(3, 2, softmax),
      'TypeError: Dense: softmax is no function of single elements. Put it behind the layer: Chain(Dense(...), softmax).',
    ],
    [
      'logSoftmax as an activation',
      () => Dense(3, 2, logSoftmax),
      'TypeError: Dense: logSoftmax is no function of single elements. Put it behind the layer: Chain(Dense(...), logSoftmax).',
    ],
    [
      'an activation that is no function',
      () => Dense(3, 2, 'relu' as never),
      "TypeError: Dense: the activation must be a function: 'relu'. Options may stand there, or behind it.",
    ],
    ['a weight that is no matrix', () => Dense(w), 'ShapeError: Dense: the weight is [outputs, inputs]: [3].'],
    ['a bias of another size', () => Dense(ones([2, 3]), ones([3])), 'ShapeError: Dense: the bias is [2]: [3].'],
    [
      'a link that is no layer',
      () => Chain(Dense(3, 2), 'relu' as never),
      'TypeError: Chain: every link is a layer or a function: number 1 is string.',
    ],
    [
      'a named link that is no layer',
      () => Chain({ first: Dense(3, 2), second: 5 as never }),
      `TypeError: Chain: every link is a layer or a function: 'second' is number.`,
    ],
    [
      'a name that every function has',
      () => Chain({ apply: Dense(3, 2) }),
      `TypeError: Chain: a layer cannot be named 'apply': every function has it.`,
    ],
    [
      'a field that every function has',
      () => layer('Mine', { call: w }, self => self.call),
      `TypeError: layer: a field cannot be named 'call': every function has it. Choose another name in Mine.`,
    ],
    [
      'a trainable field that is not there',
      () => layer('Mine', { scale: w }, self => self.scale, { trainable: ['scala' as never] }),
      `TypeError: layer: trainable names a field that Mine does not have: 'scala'.`,
    ],
  ])
})

describe('losses refuse', () => {
  const logits = ones([2, 3])
  refuses([
    [
      'shapes that do not meet',
      () => mse(x, ones([2, 4])),
      'ShapeError: mse: prediction and target differ in shape: [2, 3] and [2, 4]. Losses do not broadcast: reshape one of them. The prediction comes first.',
    ],
    [
      'shapes that would broadcast',
      () => mse(ones([2, 1]), ones([2])),
      'ShapeError: mse: prediction and target differ in shape: [2, 1] and [2]. Losses do not broadcast: write prediction.squeeze(-1). The prediction comes first.',
    ],
    [
      'a weight of the positives that does not fit',
      () => logitBinaryCrossEntropy(x, x, { posWeight: ones([4]) }),
      'ShapeError: logitBinaryCrossEntropy: shapes do not broadcast: [2, 3] and [4]. Compared from the right, sizes must be equal or 1; reshape or expandDims one of them.',
    ],
    [
      'an axis of overlap that is not there',
      () => f.dice(x, x, { axis: 2 }),
      'ShapeError: dice: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    ['no target', () => mae(x, undefined as never), 'TypeError: mae: a tensor is needed: undefined. Make one with tensor(...).'],
    ['no prediction', () => mse(undefined as never, x), 'TypeError: mse: a tensor is needed: undefined. Make one with tensor(...).'],
    [
      'the targets of another batch',
      () => logitCrossEntropy(logits, tensor([0, 1, 2])),
      'ShapeError: logitCrossEntropy: prediction and target do not fit: [2, 3] and [3]. Targets are integer classes [2], or one-hot or soft [2, 3]. Where axis 0 counts classes, pass { axis: 0 }.',
    ],
    [
      'the targets and logits swapped',
      () => logitCrossEntropy(tensor([0, 1]), logits),
      'ShapeError: logitCrossEntropy: prediction and target do not fit: [2] and [2, 3]. Targets are integer classes [], or one-hot or soft [2]. The prediction comes first.',
    ],
    [
      'one-hot targets of other classes',
      () => logitCrossEntropy(logits, ones([2, 4])),
      'ShapeError: logitCrossEntropy: prediction and target do not fit: [2, 3] and [2, 4]. Targets are integer classes [2], or one-hot or soft [2, 3]. The prediction comes first.',
    ],
    [
      'a class that is too large',
      () => logitCrossEntropy(logits, tensor([0, 3])),
      'RangeError: logitCrossEntropy: 3 at place 1 is no class: classes count from 0 to 2.',
    ],
    [
      'a negative class',
      () => crossEntropy(logits, tensor(new Int32Array([0, -1]))),
      'RangeError: crossEntropy: -1 at place 1 is no class: classes count from 0 to 2.',
    ],
    [
      'a class that is not whole',
      () => logitCrossEntropy(logits, tensor([0, 0.5])),
      'RangeError: logitCrossEntropy: index 0.5 at place 1 is not a whole number.',
    ],
    [
      'a class that is NaN',
      () => logitCrossEntropy(logits, tensor([0, Number.NaN])),
      'RangeError: logitCrossEntropy: index NaN at place 1 is not a whole number.',
    ],
    [
      'bool as classes',
      () => logitCrossEntropy(logits, tensor([true, false])),
      'DTypeError: logitCrossEntropy: indices cannot be bool: [2]. Use where, or cast them to int32.',
    ],
    [
      'a weight of other classes',
      () => crossEntropy(logits, tensor([0, 1]), { weight: ones([2]) }),
      'ShapeError: crossEntropy: the weight is [3]: [2].',
    ],
    [
      'an axis that is not there',
      () => crossEntropy(logits, tensor([0, 1]), { axis: 2 }),
      'ShapeError: crossEntropy: there is no axis 2: [2, 3]. Axes go from -2 to 1.',
    ],
    [
      'logits without axes',
      () => logitCrossEntropy(tensor(1), tensor(0)),
      'ShapeError: logitCrossEntropy: there is no axis -1: []. A scalar has no axes.',
    ],
    [
      'a plain array as target',
      () => logitCrossEntropy(logits, [0, 1] as never),
      'TypeError: logitCrossEntropy: a tensor is needed: an array. Make one with tensor(...).',
    ],
    [
      'binary targets of another shape',
      () => logitBinaryCrossEntropy(ones([2, 1]), ones([2])),
      'ShapeError: logitBinaryCrossEntropy: prediction and target differ in shape: [2, 1] and [2]. Losses do not broadcast: write prediction.squeeze(-1). The prediction comes first.',
    ],
    [
      'targets with an axis more',
      () => mae(ones([2]), ones([2, 1])),
      'ShapeError: mae: prediction and target differ in shape: [2] and [2, 1]. Losses do not broadcast: write target.squeeze(-1). The prediction comes first.',
    ],
    ...[logitCrossEntropy, crossEntropy].flatMap((f): Row[] => [
      [
        `${f.name} of one output`,
        () => f(ones([2, 1]), zeros([2])),
        `ShapeError: ${f.name}: one output tells no classes apart: [2, 1]. Use logitBinaryCrossEntropy, with targets of 0 and 1 in the shape of the logits, or a model with an output for each class.`,
      ],
      [
        `${f.name} of one output along another axis`,
        () => f(ones([1, 3]), ones([1, 3]), { axis: 0 }),
        `ShapeError: ${f.name}: one output tells no classes apart: [1, 3]. Use logitBinaryCrossEntropy, with targets of 0 and 1 in the shape of the logits, or a model with an output for each class.`,
      ],
      [
        `${f.name} with a class to ignore in one-hot targets`,
        () => f(logits, ones([2, 3]), { ignoreIndex: 0 }),
        `TypeError: ${f.name}: ignoreIndex is an integer class, and the targets are one-hot or soft: [2, 3]. Pass integer classes (oneCold(targets, { axis: -1 })), or leave it out.`,
      ],
    ]),
    [
      'crossEntropy of logits',
      () =>
        crossEntropy(
          tensor([
            [0.5, 0.5, 0],
            [0, 1, 3.5],
          ]),
          tensor([0, 2]),
        ),
      'RangeError: crossEntropy: 3.5 at place 5 of the prediction is no probability. Take the softmax of logits before, or use logitCrossEntropy.',
    ],
    [
      'crossEntropy of what is below 0, whatever the target',
      () => crossEntropy(tensor([[1, -0.25]]), tensor([[1, 0]]), { eps: 1 }),
      'RangeError: crossEntropy: -0.25 at place 1 of the prediction is no probability. Take the softmax of logits before, or use logitCrossEntropy.',
    ],
    ...[crossEntropy, logitCrossEntropy, logitBinaryCrossEntropy].flatMap((f): Row[] =>
      [-1, 1.5].map(y => [
        `a target of ${y} for ${f.name}`,
        () => f(tensor([[0.5, 0.5, 0, 0, 0]]), tensor([[0, 1, 0, y, 0]])),
        `RangeError: ${f.name}: ${y} at place 3 of the target is no probability. A target lies from 0 to 1.`,
      ]),
    ),
    [
      'integer targets that are none, as one number',
      () => logitBinaryCrossEntropy(tensor([1, 2]), 2),
      'RangeError: logitBinaryCrossEntropy: 2 at place 0 of the target is no probability. A target lies from 0 to 1.',
    ],
    ...[mse, mae, logitBinaryCrossEntropy, crossEntropy, logitCrossEntropy].map(
      (f): Row => [
        `a word for the agg of ${f.name}`,
        () => f(ones([2, 3]), ones([2, 3]), { agg: 'sum' as never }),
        `TypeError: ${f.name}: agg is a function: string came. Write { agg: sum }, with the sum, mean or identity of fluxtape.`,
      ],
    ),
    ...(
      [
        [() => f.huber(x, x, { delta: 0 }), 'huber: delta is out of range: 0. It is finite and above 0.'],
        [
          () => f.siameseContrastive(x, zeros([2, 3]), { margin: -1 }),
          'siameseContrastive: margin is out of range: -1. It is finite and not negative.',
        ],
        [() => f.tversky(x, zeros([2, 3]), { beta: 1.5 }), 'tversky: beta is out of range: 1.5. It lies from 0 to 1.'],
        [() => f.dice(zeros([2]), tensor([0, 2])), 'dice: 2 at place 1 of the target is no probability. A target lies from 0 to 1.'],
        [
          () => f.binaryCrossEntropy(tensor([0.5, 3]), tensor([0, 1])),
          'binaryCrossEntropy: 3 at place 1 of the prediction is no probability. Take the sigmoid of logits before, or use logitBinaryCrossEntropy.',
        ],
        [() => f.labelSmoothing(tensor([0, 1]), 1.5), 'labelSmoothing: alpha is out of range: 1.5. It lies from 0 to 1.'],
        [
          () => f.labelSmoothing(tensor([0, 2]), 0.1),
          'labelSmoothing: 2 at place 1 of the target is no probability. Labels of 0 and 1, each of its own, take { axis: null }; integer classes become oneHot(y, n).',
        ],
        [
          () => f.labelSmoothing(tensor([0, 1, 1, 0]), 0.1),
          'labelSmoothing: the classes of row 0 of the target are not 1 together: 2. Labels of 0 and 1, each of its own, take { axis: null }; integer classes become oneHot(y, n).',
        ],
        [
          () =>
            f.labelSmoothing(
              tensor([
                [0, 1],
                [0, 0],
              ]).cast('bool'),
              0.1,
            ),
          'labelSmoothing: the classes of row 1 of the target are not 1 together: 0. Labels of 0 and 1, each of its own, take { axis: null }; integer classes become oneHot(y, n).',
        ],
        ...[f.hinge, f.squaredHinge].flatMap(loss =>
          [tensor([-1, 0]), tensor([1, 2]), tensor([1, 0]).cast('bool'), tensor([-1, -0.5])].map(
            target =>
              [
                () => loss(zeros([2]), target),
                `${loss.name}: the target at place 1 is neither -1 nor 1. Write y.mul(2).sub(1) for targets of 0 and 1.`,
              ] as const,
          ),
        ),
        [() => f.hinge(zeros([2]), 0), 'hinge: the target at place 0 is neither -1 nor 1. Write y.mul(2).sub(1) for targets of 0 and 1.'],
        ...[f.logitBinaryCrossEntropy, f.binaryCrossEntropy].flatMap(loss =>
          [-1, tensor([1, -1]), Number.POSITIVE_INFINITY].map(
            posWeight =>
              [
                () => loss(zeros([2]), zeros([2]), { posWeight }),
                `${loss.name}: posWeight is out of range: ${posWeight === Number.POSITIVE_INFINITY ? posWeight : -1}. It is finite and not negative.`,
              ] as const,
          ),
        ),
        [
          () => f.logitCrossEntropy(zeros([1, 2]), tensor([0]), { weight: tensor([1, -1]) }),
          'logitCrossEntropy: weight is out of range: -1. It is finite and not negative.',
        ],
        [() => f.ctc(logits, tensor([0]), { blank: 3 }), 'ctc: the blank 3 is no class: classes count from 0 to 2.'],
        [() => f.ctc(logits, tensor([2])), 'ctc: 2 at place 0 is no label: labels count from 0 to 2, without the blank 2.'],
        [() => f.ctc(logits, tensor([0, 7])), 'ctc: 7 at place 1 is no label: labels count from 0 to 2, without the blank 2.'],
        [() => f.ctc(logits, tensor([0]), { lengths: 3 }), 'ctc: 3 at place 0 of lengths is out of range: they go from 0 to 2.'],
        [
          () => f.ctc(logits, tensor([0]), { targetLengths: [2] }),
          'ctc: 2 at place 0 of targetLengths is out of range: they go from 0 to 1.',
        ],
      ] as const
    ).map(([call, message]): Row => [message, call, `RangeError: ${message}`]),
    ...[[[0], [1]], [1]].map(
      (labels): Row => [
        'label smoothing of one class',
        () => f.labelSmoothing(tensor(labels), 0.1),
        `ShapeError: labelSmoothing: one class has none to share with: [${tensor(labels).shape.join(', ')}]. Labels of 0 and 1, each of its own, take { axis: null }; integer classes become oneHot(y, n).`,
      ],
    ),
    [
      'ctc of targets without a batch',
      () => f.ctc(ones([2, 5, 3]), tensor([0, 1])),
      'ShapeError: ctc: logits and targets do not fit: [2, 5, 3] and [2]. They are [batch, time, classes] and [batch, labels], or [time, classes] and [labels].',
    ],
    [
      'ctc with the lengths of another batch',
      () => f.ctc(ones([2, 5, 3]), zeros([2, 1]), { lengths: [5] }),
      'ShapeError: ctc: lengths are [2]: [1].',
    ],
    [
      'accuracy of targets of another batch',
      () => accuracy(z => z, [x, tensor([0, 1, 2])]),
      'ShapeError: DataLoader: the columns hold different numbers of observations: [2, 3] and [3]. Axis 0 counts observations.',
    ],
    [
      'accuracy of targets of other classes',
      () => accuracy(z => z, [x, ones([2, 4])]),
      'ShapeError: accuracy: outputs and targets do not fit: [2, 3] and [2, 4].',
    ],
    [
      'accuracy of no observations, and targets of some',
      () => accuracy(z => z, [zeros([0, 3]), zeros([2])]),
      'ShapeError: accuracy: outputs and targets do not fit: [0, 3] and [2].',
    ],
    [
      'accuracy of inputs and targets as two arguments',
      () => accuracy(z => z, x as never, x as never),
      'TypeError: accuracy: inputs and targets are one argument. Write accuracy(model, [x, y]).',
    ],
    ...(
      [
        [x, 'a tensor came.'],
        [3, '3 came.'],
        [null, 'null came.'],
        [Promise.resolve([x, x]), 'a promise came. Await it first.'],
      ] as const
    ).map(
      ([data, came]): Row => [
        `accuracy of what are no batches: ${data}`,
        () => accuracy(z => z, data as never),
        `TypeError: accuracy: the data is [x, y], or an iterable of such batches, such as a DataLoader: ${came}`,
      ],
    ),
    [
      'accuracy of batches without targets',
      () => accuracy(z => z, [x, x, x] as never),
      'TypeError: accuracy: a batch is [x, y], inputs and targets: a tensor came. Write [[x, y]], or a DataLoader of [x, y].',
    ],
    [
      'accuracy of batches that are records',
      () => accuracy(z => z, [{ x, y: x }] as never),
      'TypeError: accuracy: a batch is [x, y], inputs and targets: object came. Write [[x, y]], or a DataLoader of [x, y].',
    ],
    [
      'accuracy of a model that comes second',
      () => accuracy([x, x] as never, (() => x) as never),
      'TypeError: accuracy: the model comes first, and is a function: an array came.',
    ],
    [
      'accuracy by a threshold that is no number',
      () => accuracy(z => z, [x, x], { threshold: Number.NaN }),
      'TypeError: accuracy: the threshold is a number: NaN. Write 0 for logits, 0.5 for probabilities.',
    ],
    [
      'accuracy with an option that is not there',
      () => accuracy(z => z, [x, x], { treshold: 0 } as never),
      "TypeError: accuracy: there is no option 'treshold'. There is threshold.",
    ],
  ])
})

describe('state and files refuse', () => {
  const model = () => Chain(Dense(2, 3), Dense(3, 1))
  const bytes = (text: string) => new TextEncoder().encode(text)
  const tied = () => {
    const weight = ones([2, 2])
    return Chain(Dense(weight, false), Dense(weight, false))
  }
  refuses([
    [
      'paths that are missing',
      () => loadState(model(), { 'layers.0.weight': ones([3, 2]) }),
      'TypeError: loadState: the paths do not fit: not in the state: layers.0.bias, layers.1.weight, layers.1.bias. Load it into a model of the same layers, pass { rename } for other names, or { strict: false } to leave those.',
    ],
    [
      'paths that are unknown',
      () => loadState({ w }, { w, other: w }),
      'TypeError: loadState: the paths do not fit: not in the model: other. Load it into a model of the same layers, pass { rename } for other names, or { strict: false } to leave those.',
    ],
    [
      'a checkpoint as a state',
      () => loadState({ w }, { losses: w, 'model.w': w, 'optimizer.0.m.w': w }),
      "TypeError: loadState: the paths do not fit: not in the state: w; not in the model: losses, model.w, optimizer.0.m.w. Those of the model lie under 'model': pass { prefix: 'model' }.",
    ],
    ['a tensor of another shape', () => loadState({ w }, { w: ones([4]) }), `ShapeError: loadState: 'w' has another shape: [4] into [3].`],
    [
      'what is no tensor',
      () => loadState({ w }, { w: [1, 2, 3] as never }),
      "TypeError: loadState: a tensor is needed for 'w': an array. Make one with tensor(...).",
    ],
    [
      'different values for one tensor',
      () => loadState(tied(), { 'layers.0.weight': ones([2, 2]), 'layers.1.weight': zeros([2, 2]) }),
      `TypeError: loadState: 'layers.1.weight' is tied to another parameter of the model, and the state has different values for them.`,
    ],
    ...(
      [
        ['the bytes of a file', bytes('no'), 'bytes', 'Write loadState(model, loadSafetensors(bytes).tensors).'],
        ['the buffer of a file', bytes('no').buffer, 'bytes', 'Write loadState(model, loadSafetensors(bytes).tensors).'],
        ['a file', loadSafetensors(saveSafetensors({ w })), 'a file', 'Write loadState(model, file.tensors).'],
        ['a model', model(), 'function', 'Write loadState(model, state(other)).'],
        ['a tensor', w, 'a tensor', 'Write loadState(model, state(other)).'],
        ['a list', [w], 'an array', 'Write loadState(model, state(other)).'],
        ['a path', 'model.safetensors', 'string', 'Write loadState(model, state(other)).'],
        ['nothing', undefined, 'undefined', 'Write loadState(model, (await load(path)).tensors).'],
        ['a promise', load('build/none.npz').catch(() => {}), 'a promise', 'Await it first.'],
      ] as const
    ).map(
      ([title, source, came, wayOut]): Row => [
        `${title} as a state`,
        () => loadState(w, source as never),
        `TypeError: loadState: the second argument is a state: ${came} came. ${wayOut}`,
      ],
    ),
    [
      'an option of loading that is not there',
      () => loadState({ w }, { w }, { loose: true } as never),
      "TypeError: loadState: there is no option 'loose'. There are strict, prefix and rename.",
    ],
    [
      'a path for a file',
      () => saveSafetensors({ w }, 'f' as never),
      "TypeError: saveSafetensors: the options are an object: string came. The file comes as bytes: writeFileSync('model.safetensors', saveSafetensors(model)).",
    ],
    [
      'bytes that are no file',
      () => loadSafetensors(bytes('no')),
      'FormatError: loadSafetensors: the file is too short: 2 bytes, where the length of the header alone takes 8. The file is damaged or was cut off: read or fetch it again.',
    ],
    [
      'a file that is cut off',
      () => loadSafetensors(new Uint8Array([200, 0, 0, 0, 0, 0, 0, 0, 123])),
      'FormatError: loadSafetensors: the header is longer than the file: 200 bytes, 1 are left. The file is damaged or was cut off: read or fetch it again.',
    ],
    [
      'a path in the place of the bytes',
      () => loadSafetensors('model.safetensors' as never),
      'TypeError: loadSafetensors: the bytes of a file are a Uint8Array or an ArrayBuffer: string came. Read or fetch the file first.',
    ],
  ])
})

describe('what losses refuse, a replay refuses, too', () => {
  it.each<[name: string, loss: (y: Tensor) => Tensor, good: Tensor, bad: Tensor, text: string]>([
    ['a sign', y => f.hinge(zeros([2]), y), tensor([1, -1]), tensor([1, 0]), 'the target at place 1 is neither -1 nor 1'],
    ['shares', y => f.labelSmoothing(y, 0.1), f.eye(2), ones([2, 2]), 'of row 0 of the target are not 1 together: 2'],
    [
      'a factor',
      y => logitBinaryCrossEntropy(zeros([2]), 1, { posWeight: y }),
      ones([2]),
      tensor([1, -1]),
      'posWeight is out of range: -1',
    ],
  ])('%s', (_, loss, good, bad, text) => {
    const replayed = f.jit(loss)
    for (let i = 0; i < 4; i++) replayed(good)
    expect(() => replayed(bad)).toThrow(text)
    expect(replayed(good).toArray()).toEqual(loss(good).toArray())
  })
})
