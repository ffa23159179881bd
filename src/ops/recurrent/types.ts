import type { Tensor } from '../../tensor/tensor.ts'
import type { Activation } from '../epilogue.ts'

/** Which cell goes through the sequence. */
export type RecurrentKind = 'rnn' | 'lstm' | 'gru' | 'gruv3'

/** What a cell of `h` units for `in` features is trained in, blocks of rows in the order of its gates: i f g o, r z n. */
export interface RecurrentWeights {
  /** [gates * h, in] */
  readonly Wi: Tensor
  /** [gates * h, h]; GRUv3's [2 * h, h]. */
  readonly Wh: Tensor
  /** [gates * h] */
  readonly bias: Tensor | null
  /** GRU's bias within r∘(), PyTorch's b_hn: [h]. */
  readonly hiddenBias?: Tensor | undefined
  /** GRUv3's U': [h, h]. */
  readonly Wn?: Tensor | undefined
}

/** How a sequence is gone through. */
export interface RecurrentOptions {
  /** How many steps each row has, int32 [b], from 0 to t: behind them y is zeros and the state stays. null: all of them. */
  readonly lengths: Tensor | null
  /** Each row from its own last step to its first; y lies at the steps' own places. */
  readonly reverse: boolean
  /** Of the cell 'rnn'. */
  readonly activation: Activation
}

/**
 * A cell through a whole sequence: x [b, t, in], and the states before it, [b, h] each (h, and c of an LSTM), give [y [b, t, h], ...last states
 * [b, h]].
 */
export type RecurrentForm = (
  kind: RecurrentKind,
  x: Tensor,
  states: readonly Tensor[],
  weights: RecurrentWeights,
  options: RecurrentOptions,
) => Tensor[]
