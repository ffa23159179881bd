import { attentionRows } from './attention-rows.ts'
import type { Row } from './check.ts'
import { convolutionRows } from './convolution-rows.ts'
import { layerRows } from './layer-rows.ts'
import { lossRows } from './loss-rows.ts'
import { movementRows } from './movement-rows.ts'
import { normRows } from './norm-rows.ts'
import { pointwiseRows } from './pointwise-rows.ts'
import { poolingRows } from './pooling-rows.ts'
import { productRows } from './product-rows.ts'
import { recurrentRows } from './recurrent-rows.ts'
import { normalizedRows, reductionRows } from './reduction-rows.ts'

/** Every differentiable operation and loss. */
export const rows: readonly Row[] = [
  ...pointwiseRows,
  ...reductionRows,
  ...normalizedRows,
  ...movementRows,
  ...productRows,
  ...convolutionRows,
  ...lossRows,
  ...layerRows,
  ...normRows,
  ...poolingRows,
  ...attentionRows,
  ...recurrentRows,
]
