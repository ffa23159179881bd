// The public API, and nothing else.
import './ops/methods.ts'

export { checkpoint } from './autodiff/checkpoint.ts'
export { customGradient } from './autodiff/custom.ts'
export type { GradientOf, GradientsOf, Loss, Seen } from './autodiff/gradient.ts'
export { type Back, gradient, pullback, withGradient } from './autodiff/gradient.ts'
export { Grads } from './autodiff/grads.ts'
export { onGradient } from './autodiff/hook.ts'
export type { EachOf, HessianOf, Point, PointsOf } from './autodiff/jacobian.ts'
export { diagonalHessian, hessian, hvp, jacobian, jvp } from './autodiff/jacobian.ts'
export { keep, scope } from './autodiff/lifetime.ts'
export type { Configuration } from './configure.ts'
export { configure, threads } from './configure.ts'
export { brightness, type CropOptions, crop, mixup, randomFlip, rotate, shift } from './data/augment.ts'
export { type Batched, batch, type PaddedSequences, type PadSequencesOptions, padSequences } from './data/batch.ts'
export {
  fromImageData,
  type ImageDataLike,
  type ImageDataOptions,
  type ImageInput,
  type ImagePixels,
  toImageData,
} from './data/image-data.ts'
export { DataLoader, type LoaderOptions } from './data/loader.ts'
export type {
  BatchOf,
  Column,
  Data,
  DataInput,
  Dataset,
  DatasetView,
  GetOptions,
  LoaderInput,
  ObservationOf,
  SubsetOf,
} from './data/observations.ts'
export type { FoldOptions, Parts, SplitOptions } from './data/splits.ts'
export { kFolds, shuffleObs, splitObs } from './data/splits.ts'
export { bytes, type CharacterTokenizer, characters, type Tokenizer } from './data/tokens.ts'
export { filterObs, groupObs, mapObs, slidingWindow, unbatch, type WindowOptions } from './data/views.ts'
export type { Complaint } from './errors.ts'
export { DivergedError, DTypeError, FluxtapeError, FormatError, MemoryError, ReleasedError, ShapeError, WorkerError } from './errors.ts'
export { load, type SaveOptions, save } from './io/files.ts'
export { fromPyTorch } from './io/from-pytorch.ts'
export type { Metadata, StoredDType } from './io/items.ts'
export { loadNpz, type NpzFile, type NpzOptions, saveNpz } from './io/npz.ts'
export type { SafetensorsFile, SafetensorsOptions } from './io/safetensors.ts'
export { loadSafetensors, saveSafetensors } from './io/safetensors.ts'
export { type LoadedState, type LoadStateOptions, loadState, type Rename, type State, type StateInput, state } from './io/state.ts'
export { Cache, type CachePart, cachePart, withCache } from './nn/cache.ts'
export { destructure } from './nn/destructure.ts'
export { fold } from './nn/fold.ts'
export { type GenerateOptions, generate, type LanguageModel } from './nn/generate.ts'
export type { ConfigurableInitializer, GainOptions, IdentityOptions, SparseOptions, TruncatedNormalOptions } from './nn/initializers.ts'
export {
  glorotNormal,
  glorotUniform,
  type Initializer,
  identityInit,
  kaimingNormal,
  kaimingUniform,
  lecunNormal,
  orthogonal,
  sparseInit,
  truncatedNormal,
} from './nn/initializers.ts'
export type { LayerOptions } from './nn/layer.ts'
export { type Layer, layer } from './nn/layer.ts'
export {
  type AttentionCallOptions,
  type AttentionDims,
  type AttentionPositions,
  MultiHeadAttention,
  type MultiHeadAttentionLayer,
  type MultiHeadAttentionOptions,
} from './nn/layers/attention.ts'
export { Bilinear, type BilinearArguments, type BilinearLayer, type BilinearOptions } from './nn/layers/bilinear.ts'
export type { ChainLayer, NamedChain } from './nn/layers/chain.ts'
export { Chain } from './nn/layers/chain.ts'
export type {
  ConvArguments,
  ConvLayer,
  ConvLayerOptions,
  ConvTransposeLayerOptions,
  DepthwiseConvLayerOptions,
} from './nn/layers/conv.ts'
export { Conv, ConvTranspose, CrossCor, DepthwiseConv } from './nn/layers/conv.ts'
export type { DenseArguments, DenseLayer, DenseOptions } from './nn/layers/dense.ts'
export { Dense } from './nn/layers/dense.ts'
export { AlphaDropout, type AlphaDropoutLayer, Dropout, type DropoutLayer } from './nn/layers/dropout.ts'
export {
  type BagInput,
  Embedding,
  type EmbeddingArguments,
  EmbeddingBag,
  type EmbeddingBagArguments,
  type EmbeddingBagLayer,
  type EmbeddingLayer,
  type EmbeddingOptions,
  type IndexInput,
} from './nn/layers/embedding.ts'
export type { Gives, Holding, Link } from './nn/layers/links.ts'
export { Maxout, type MaxoutLayer } from './nn/layers/maxout.ts'
export type { NormLayer, NormLayerOptions, RMSNormLayer, RMSNormLayerOptions, StatsNormLayer, StatsNormOptions } from './nn/layers/norm.ts'
export { BatchNorm, GroupNorm, InstanceNorm, LayerNorm, RMSNorm } from './nn/layers/norm.ts'
export { PairwiseFusion, type PairwiseFusionLayer } from './nn/layers/pairwise-fusion.ts'
export { Parallel, type ParallelLayer, type Several } from './nn/layers/parallel.ts'
export {
  AdaptiveMaxPool,
  AdaptiveMeanPool,
  type AdaptivePoolLayer,
  GlobalMaxPool,
  GlobalMeanPool,
  MaxPool,
  type MaxPoolLayer,
  MeanPool,
  type MeanPoolLayer,
} from './nn/layers/pooling.ts'
export {
  type PositionsInputs,
  RotaryPositions,
  type RotaryPositionsLayer,
  SinusoidalPositions,
  type SinusoidalPositionsLayer,
} from './nn/layers/positions.ts'
export type { GRUCellLayer, GRUv3CellLayer, LSTMCellLayer, RNNCellLayer } from './nn/layers/recurrent/cells.ts'
export { GRUCell, GRUv3Cell, LSTMCell, RNNCell } from './nn/layers/recurrent/cells.ts'
export { initialStates, type StateOf } from './nn/layers/recurrent/initial-states.ts'
export type { GRULayer, GRUv3Layer, LSTMLayer, RNNLayer, StackOptions } from './nn/layers/recurrent/layers.ts'
export { GRU, GRUv3, LSTM, RNN } from './nn/layers/recurrent/layers.ts'
export { Recurrence, type RecurrenceLayer, type RecurrenceOptions, type RecurrentCell } from './nn/layers/recurrent/recurrence.ts'
export type { SequenceOptions } from './nn/layers/recurrent/sequence.ts'
export type { CellOptions, GRUCellOptions, LSTMCellOptions, RecurrentFields } from './nn/layers/recurrent/weights.ts'
export { Scale, type ScaleArguments, type ScaleLayer, type ScaleOptions } from './nn/layers/scale.ts'
export { Flatten, PixelShuffle, type PixelShuffleLayer, type PlainLayer, Upsample, type UpsampleLayer } from './nn/layers/shaping.ts'
export { SkipConnection, type SkipConnectionLayer } from './nn/layers/skip-connection.ts'
export type { WeightNormLayer } from './nn/layers/weight-norm.ts'
export { WeightNorm } from './nn/layers/weight-norm.ts'
export {
  type BinaryLossOptions,
  binaryCrossEntropy,
  binaryFocal,
  hinge,
  logitBinaryCrossEntropy,
  siameseContrastive,
  squaredHinge,
} from './nn/losses/binary.ts'
export {
  type ClassLossOptions,
  crossEntropy,
  focal,
  klDivergence,
  labelSmoothing,
  logitCrossEntropy,
  type SmoothingOptions,
} from './nn/losses/classification.ts'
export { type CtcOptions, ctc } from './nn/losses/ctc.ts'
export type { LossOptions, Target } from './nn/losses/loss.ts'
export { dice, type OverlapLossOptions, tversky } from './nn/losses/overlap.ts'
export { huber, mae, mse, msle, poisson } from './nn/losses/regression.ts'
export { autoMode, testMode, trainMode } from './nn/modes.ts'
export { type InputOptions, outputSize, type SizesOf } from './nn/output-size.ts'
export { type Activations, activations } from './nn/outputs.ts'
export { removeWeightNorm } from './nn/remove-weight-norm.ts'
export { summary } from './nn/summary.ts'
export {
  celu,
  elu,
  gelu,
  geluTanh,
  hardtanh,
  leakyrelu,
  logsigmoid,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  softplus,
  swish,
} from './ops/activations.ts'
export {
  glu,
  hardsigmoid,
  hardswish,
  lisht,
  logcosh,
  rrelu,
  sigmoidFast,
  softshrink,
  softsign,
  squareplus,
  tanhFast,
  tanhshrink,
  trelu,
} from './ops/activations-composed.ts'
export { flip, repeat, roll, tile } from './ops/arranging.ts'
export { assign } from './ops/assign.ts'
export { dot, outer } from './ops/contraction.ts'
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv,
  convTranspose,
  type DepthwiseConvOptions,
  depthwiseConv,
} from './ops/convolution/conv.ts'
export type { ConvolutionOptions } from './ops/convolution/geometry.ts'
export { cumsum } from './ops/cumulative.ts'
export { diag, tril, triu } from './ops/diagonals.ts'
export { alphaDropout, type DropoutOptions, dropout } from './ops/dropping.ts'
export { einsum } from './ops/einsum.ts'
export type { Reduction } from './ops/embedding.ts'
export type { Activation } from './ops/epilogue.ts'
export { gather, oneCold, oneHot, scatterAdd, takeAlong } from './ops/indexing.ts'
export type { IndicesInput } from './ops/indices.ts'
export { concat, stack } from './ops/joining.ts'
export { linear } from './ops/linear.ts'
export type { MatmulOptions } from './ops/matmul.ts'
export { matmul } from './ops/matmul.ts'
export { broadcastTo, expandDims, flatten, permute, reshape, squeeze, sum, transpose } from './ops/movement.ts'
export type { BatchNormOptions, LayerNormOptions, NormOptions, RMSNormOptions } from './ops/normalization.ts'
export { batchNorm, groupNorm, instanceNorm, layerNorm, rmsNorm } from './ops/normalization.ts'
export { type NormalizeOptions, normalize } from './ops/normalize.ts'
export { type PadOptions, pad } from './ops/padding.ts'
export type { PerAxis } from './ops/per-axis.ts'
export type { Operand } from './ops/pointwise.ts'
export {
  abs,
  add,
  cast,
  ceil,
  clamp,
  cos,
  div,
  equal,
  erf,
  exp,
  expm1,
  floor,
  greater,
  greaterEqual,
  identity,
  isFinite,
  isNaN,
  less,
  lessEqual,
  log,
  log1p,
  logicalAnd,
  logicalNot,
  logicalOr,
  maximum,
  minimum,
  mul,
  neg,
  notEqual,
  pow,
  reciprocal,
  round,
  rsqrt,
  sign,
  sin,
  sqrt,
  square,
  stopGradient,
  sub,
  tan,
  tanh,
  where,
} from './ops/pointwise.ts'
export {
  adaptiveMaxPool,
  adaptiveMeanPool,
  globalMaxPool,
  globalMeanPool,
  maxPool,
  meanPool,
} from './ops/pooling.ts'
export type { VarianceOptions } from './ops/reduce.ts'
export { all, any, argMax, argMin, logSumExp, max, mean, min, norm, prod, std, variance } from './ops/reduce.ts'
export type { ReduceOptions } from './ops/reduction.ts'
export { type RotaryOptions, rotary } from './ops/rotary.ts'
export type { SliceEntry } from './ops/slicing.ts'
export { chunk, slice, split } from './ops/slicing.ts'
export { logSoftmax, softmax } from './ops/softmax.ts'
export type { SortOptions } from './ops/sorting.ts'
export { argSort, sort, topK } from './ops/sorting.ts'
export type { UpsampleMode, UpsampleOptions } from './ops/told.ts'
export { pixelShuffle, upsample } from './ops/upsampling.ts'
export type { MaxPoolOptions, MeanPoolOptions } from './ops/windows.ts'
export { adjust } from './optimizers/adjust.ts'
export { OptimizerChain } from './optimizers/chain.ts'
export { ClipGlobalNorm, ClipNorm, type GlobalNormClip } from './optimizers/clip.ts'
export type { RuleArguments } from './optimizers/define.ts'
export { rule } from './optimizers/define.ts'
export type {
  Choice,
  Hyper,
  HyperInput,
  HyperValue,
  LaneKernel,
  RuleDefinition,
  Schedule,
  Slot,
  SlotStart,
} from './optimizers/definition.ts'
export { Muon } from './optimizers/muon.ts'
export type { Optimizer, Rule } from './optimizers/rule.ts'
export {
  AccumGrad,
  AdaBelief,
  AdaDelta,
  AdaGrad,
  AdaMax,
  Adam,
  AdamW,
  AMSGrad,
  ClipGrad,
  Descent,
  Lion,
  Momentum,
  NAdam,
  Nesterov,
  OAdam,
  RAdam,
  RMSProp,
  type RMSPropHyper,
  Rprop,
  SignDecay,
  WeightDecay,
} from './optimizers/rules.ts'
export type { ScheduleInput, StepFunction } from './optimizers/schedules.ts'
export {
  CosAnneal,
  Exp,
  Interpolator,
  Inv,
  Loop,
  OneCycle,
  Poly,
  Sequence,
  Shifted,
  Sin,
  Step,
  Triangle,
  Warmup,
} from './optimizers/schedules.ts'
export { setup } from './optimizers/setup.ts'
export { loadOptimizerState, optimizerState } from './optimizers/state.ts'
export type { GradientsFor, OptimizerState, Updated, UpdateOptions } from './optimizers/update.ts'
export { apply, update } from './optimizers/update.ts'
export { clone } from './params/clone.ts'
export { freeze, Params, params, thaw } from './params/params.ts'
export type { Tree } from './params/tree.ts'
export { later } from './tape/effects.ts'
export { isTraining } from './tape/mode.ts'
export type { ArrayInput, CreateOptions, NestedInput, RowsInput, WrittenTensor } from './tensor/create.ts'
export { arange, eye, full, linspace, ones, onesLike, tensor, zeros, zerosLike } from './tensor/create.ts'
export type { DType, TypedArray } from './tensor/dtype.ts'
export type { Nested, ReadonlyNested } from './tensor/print.ts'
export { bernoulli, manualSeed, rand, randint, randn } from './tensor/random.ts'
export type { Axis, Shape } from './tensor/shape.ts'
export { memory } from './tensor/storage.ts'
export { Tensor } from './tensor/tensor.ts'
export { type AccuracyOptions, accuracy } from './train/accuracy.ts'
export type { Average, Score } from './train/averages.ts'
export type { CallbackObject, EpochRecord, RunContext, RunEnd, StepContext, StepRecord } from './train/callbacks.ts'
export { type Callback, type History, throttle } from './train/callbacks.ts'
export type { CheckpointOptions } from './train/checkpoints.ts'
export { type EarlyStopping, type EarlyStoppingOptions, earlyStopping } from './train/early-stopping.ts'
export { type EmaOptions, ema, type RunningAverage } from './train/ema.ts'
export { type JitOptions, type Jitted, jit, type Replayable } from './train/jit.ts'
export { type LogOptions, logTo } from './train/log.ts'
export type { Metric, Metrics } from './train/measures.ts'
export { confusionMatrix, f1, precision, r2, recall, type ScoreOptions, topKAccuracy } from './train/metrics.ts'
export type { Classifier, Measured, MetricData } from './train/outcomes.ts'
export { patience } from './train/patience.ts'
export { type PlateauOptions, plateau } from './train/plateau.ts'
export type { ProgressInfo } from './train/progress.ts'
export { rocAuc } from './train/roc.ts'
export type { Run } from './train/run.ts'
export type { LossFunction } from './train/step.ts'
export { skip, stop, trainStep } from './train/step.ts'
export type { TrainOptions } from './train/train.ts'
export { train } from './train/train.ts'
export type { ArgumentsOf, Batch, BatchIn, LossArguments, TargetOf, TrainingData } from './train/types.ts'
export type { Validation } from './train/validation.ts'
export type { WatchOptions } from './train/watch.ts'
export type { Variant } from './wasm/module.ts'
export { variant } from './wasm/module.ts'
export type { ThreadInfo } from './wasm/pool.ts'
