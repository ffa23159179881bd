// What training goes through, as types: which arguments of a loss the data stands for.
import type { OptimizerState } from '../optimizers/update.ts'
import type { Params } from '../params/params.ts'
import type { LossFunction } from './step.ts'

/** Whatever is no tensor. */
type NoTensor = string | number | bigint | boolean | symbol | null | undefined | (object & { readonly dtype?: never })

/** Anything; the empty list in it has compilers take a list that is written out for a tuple. */
export type Batch = [] | NonNullable<unknown> | null | undefined

/**
 * Batches, as often as there are epochs: a DataLoader, a list such as `[[x, y]]`, any iterable or async iterable. A tensor is none, and neither is
 * a pair of tensors, which would be two batches.
 */
export type TrainingData = (Iterable<Batch> | AsyncIterable<Batch>) & { readonly dtype?: never } & (
    | { readonly 0?: unknown; readonly 1?: NoTensor }
    | { readonly 2: unknown }
  )

/** The batches of such data. An iterator that is written by hand has its end, undefined, among its values. */
export type BatchIn<Source> = Source extends Iterable<infer B> | AsyncIterable<infer B> ? Exclude<B, undefined> : unknown

/** What a loss is called with for a batch: an array is spread. Where its type does not tell its length, only tensors are known. */
export type ArgumentsOf<B> =
  NonNullable<unknown> extends B
    ? Parameters<LossFunction>
    : B extends readonly unknown[]
      ? number extends B['length']
        ? B[number] extends { readonly dtype: unknown }
          ? B
          : Parameters<LossFunction>
        : B
      : [batch: B]

/** What a loss is called with: first the model, where a state of it came and no optimizer, then the batch. */
export type LossArguments<Opt, B> = OptimizerState extends Opt
  ? Parameters<LossFunction>
  : Opt extends OptimizerState<infer Model>
    ? [model: Model, ...batch: ArgumentsOf<B>]
    : ArgumentsOf<B>

/** What is trained: the model of a state, or the Params that go with an optimizer. */
export type TargetOf<Opt> = [Opt] extends [never] ? unknown : Opt extends OptimizerState<infer Model> ? Model : Params
