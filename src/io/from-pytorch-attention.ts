import { section } from '../ops/ranges.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** `encoder.in_proj_weight`: the module, which projection, what of it. */
const PACKED = /^(.*\.)?in_proj_(weight|bias)$/
const SINGLE = /^(.*\.)?(?:([qkv])_proj_(weight)|out_proj\.(weight|bias))$/

/**
 * Where a tensor of PyTorch's `nn.MultiheadAttention` goes, for `rename` of `loadState`: the packed projection [3 size, size] and its bias [3 size] are cut into those of
 * queries, keys and values; where `kdim` or `vdim` differ there are three. Other names stay as they are: `bias_k` and `bias_v`, which MultiHeadAttention does not have, do not
 * load.
 */
export function multiheadAttention(name: string, tensor: Tensor): string | readonly (readonly [path: string, tensor: Tensor])[] {
  const [, module = '', what] = PACKED.exec(name) ?? []
  const size = tensor.dims[0] / 3
  if (what !== undefined && tensor.rank > 0 && Number.isInteger(size))
    return ['q', 'k', 'v'].map((part, i) => [`${module}${part}.${what}`, section(tensor, 0, i * size, size)])
  const found = SINGLE.exec(name)
  return found ? `${found[1] ?? ''}${found[2] ?? 'out'}.${found[3] ?? found[4]}` : name
}
