// Writes bench/RESULTS.md from bench/results.json (of `npm run bench -- --json bench/results.json`) and bench/profile.json (of
// `npm run bench:profile -- --json bench/profile.json`). With --check it fails if the page is not what these files give.
import { readFileSync, writeFileSync } from 'node:fs'

const folder = new URL('./', import.meta.url)
const read = name => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))
const [header, ...records] = read('results.json')
const profile = read('profile.json')

const percent = share => `${(100 * share).toFixed(0)} %`
const milliseconds = seconds => `${(1000 * seconds).toPrecision(3)} ms`
const megabytes = bytes => (bytes / 2 ** 20).toFixed(2)
const row = cells => `| ${cells.join(' | ')} |`
const table = (heads, rows) => [row(heads), row(heads.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(row)].join('\n')
const unique = list => [...new Set(list)]

const ours = records.filter(record => record.contender === 'fluxtape')
const runtimes = unique(ours.map(record => record.runtime))
const newest = runtimes.filter(runtime => header.variants[runtime] === 'relaxed').at(-1) ?? runtimes.at(-1)
const workloads = unique(records.map(record => record.workload))
const threadCounts = unique(ours.map(record => record.threads)).sort()
const find = (workload, contender, threads = 1, runtime = newest) =>
  records.find(
    record => record.workload === workload && record.contender === contender && record.threads === threads && record.runtime === runtime,
  )

/** A row of the targets: what is measured, what comes first and in the end, how the measured value is compared, and what it could be at best. */
function target(label, value, first, end, show, isLess = false, best = undefined) {
  if (value === undefined || Number.isNaN(value)) return [label, show(first), show(end), 'not measured', '', '']
  const meets = bound => meetsAt(value, bound, isLess)
  const met = meets(end)
    ? 'in the end'
    : meets(first)
      ? 'first'
      : best !== undefined && !meetsAt(best, first, isLess)
        ? 'cannot be'
        : 'missed'
  return [label, show(first), show(end), show(value), best === undefined ? '' : show(best), met]
}

function meetsAt(value, bound, isLess) {
  return isLess ? value <= bound : value >= bound
}

/** The part of a step that stays with the products at the peak, the other kernels as they are and no JavaScript: of one thread. */
function leastShare(workload) {
  const { microseconds, kernels } = profile.profiles.find(each => each.workload === workload)
  const others = kernels.filter(({ kernel }) => kernel !== 'gemm').reduce((sum, each) => sum + each.microseconds, 0)
  return limit(workload) + others / microseconds
}

const atBest = (workload, contender) => {
  const value = ratio(workload, contender)
  return value === undefined ? undefined : value * leastShare(workload)
}

const sizes = [256, 512, 1024]
const least = values => (values.some(value => value === undefined) ? undefined : Math.min(...values))
const most = values => (values.some(value => value === undefined) ? undefined : Math.max(...values))
const limit = workload => find(workload, 'fluxtape')?.limitShare
const ratio = (workload, contender, threads = 1) => find(workload, contender, threads)?.ratio
const two = workload => find(workload, 'fluxtape', 2)?.ratio
const plain = value => value.toFixed(2)
const inverse = value => `1/${(1 / value).toFixed(1)}`
/** PyTorch is harder to beat where it has wider vectors: its own products tell. */
const hasWideVectors = header.pytorchGemm1024?.[1] > 100
const small = profile.profiles.find(each => each.workload === 'mlp-s')
const javaScript = small.javaScript / small.microseconds
const speedups = sizes.slice(1).map(n => (two(`gemm-${n}`) === undefined ? undefined : 1 / two(`gemm-${n}`)))
const targets = [
  target(
    'gemm, n ≥ 256, one thread, share of the peak',
    least(sizes.map(n => find(`gemm-${n}`, 'fluxtape')?.peakShare)),
    0.8,
    0.92,
    percent,
  ),
  target('gemm, n = 64', find('gemm-64', 'fluxtape')?.peakShare, 0.5, 0.75, percent),
  target('gemm, two threads over one, n ≥ 512', least(speedups), 1.7, 1.95, plain),
  target('mlp-s, share of the limit, one thread', limit('mlp-s'), 0.5, 0.75, percent),
  target('mlp-l, share of the limit, one thread', limit('mlp-l'), 0.62, 0.82, percent),
  target('mlp-l-chain, time over mlp-l', limit('mlp-l') / limit('mlp-l-chain'), 1.08, 1.03, plain, true),
  target('lstm, share of the limit, one thread', limit('lstm'), 0.84, 0.9, percent),
  target('gpt, share of the limit, one thread', limit('gpt'), 0.82, 0.9, percent),
  target('lenet, share of the limit, one thread', limit('lenet'), 0.55, 0.72, percent),
  target('resnet, share of the limit, one thread', limit('resnet'), 0.65, 0.85, percent),
  ...['lenet', 'resnet', 'lstm', 'gpt'].map(name => target(`${name}, two threads over one`, 1 / two(name), 1.6, 1.9, plain)),
  ...threadCounts.flatMap(threads => {
    const against = (name, first, end) => {
      const label = `${name}, time over PyTorch, ${threads} thread${threads > 1 ? 's' : ''}`
      return target(label, ratio(name, 'pytorch', threads), first, end, plain, true)
    }
    return [
      against('lenet', hasWideVectors ? 0.8 : 0.45, hasWideVectors ? 0.55 : 0.3),
      against('resnet', 1.3, 1),
      against('mobile', 0.5, 0.3),
      against('lstm', hasWideVectors ? 1.2 : 1, 0.9),
      against('gpt', hasWideVectors ? 1.5 : 1.3, 1.2),
    ]
  }),
  target('predict-xs, time over onnxruntime-web', ratio('predict-xs', 'onnxruntime'), 1 / 20, 1 / 40, inverse, true),
  target('predict-lenet, time over onnxruntime-web', ratio('predict-lenet', 'onnxruntime'), 1, 0.5, plain, true),
  target('generate, time over PyTorch', ratio('generate', 'pytorch'), 1 / 1.5, 1 / 3, plain, true),
  target('mlp-xs, time over PyTorch', ratio('mlp-xs', 'pytorch'), 0.5, 0.15, plain, true),
  target('mlp-xs, time over jax-js', ratio('mlp-xs', 'jax-js'), 1 / 5, 1 / 20, inverse, true),
  target('import to the end of the first mlp-xs step, ms', profile.firstStepMilliseconds, 60, 30, value => value.toFixed(0), true),
  ...threadCounts.flatMap(threads => [
    target(
      `mlp-s, time over PyTorch, ${threads} thread${threads > 1 ? 's' : ''}`,
      ratio('mlp-s', 'pytorch', threads),
      0.9,
      0.6,
      plain,
      true,
      threads === 1 ? atBest('mlp-s', 'pytorch') : undefined,
    ),
    target(
      `mlp-l, time over PyTorch, ${threads} thread${threads > 1 ? 's' : ''}`,
      ratio('mlp-l', 'pytorch', threads),
      1.6,
      1.2,
      plain,
      true,
      threads === 1 ? atBest('mlp-l', 'pytorch') : undefined,
    ),
  ]),
  target('mlp-s, time over tfjs-wasm', ratio('mlp-s', 'tfjs-wasm'), 1 / 12, 1 / 25, inverse, true, atBest('mlp-s', 'tfjs-wasm')),
  target('mlp-s, time over jax-js', ratio('mlp-s', 'jax-js'), 1 / 2, 1 / 4, inverse, true, atBest('mlp-s', 'jax-js')),
  target('two threads over one, the worst workload', most(workloads.map(workload => two(workload))), 1.05, 1, plain, true),
  target('memory for tensors in a 10,000-step run over that in a 100-step one', profile.memoryRatio, 1, 1, plain, true),
  target('JavaScript share of an mlp-s step', javaScript, 0.2, 0.08, percent, true),
]

/** Why a contender has no figure, where it tried. */
const reason = (workload, contender, threads) =>
  header.gaps?.find(gap => gap.workload === workload && gap.contender === contender && gap.threads === threads)?.missing ?? ''

const contenders = unique(records.map(record => record.contender)).filter(name => name !== 'fluxtape')
function comparison(threads) {
  const rows = workloads.map(workload => {
    const own = find(workload, 'fluxtape', threads)
    if (!own) return undefined
    const against = contenders.map(contender => {
      const record = find(workload, contender, threads)
      return record
        ? `${record.ratio.toPrecision(2)} (${record.q1.toPrecision(2)}–${record.q3.toPrecision(2)})`
        : reason(workload, contender, threads)
    })
    const share = own.peakShare ?? own.limitShare
    return [workload, milliseconds(own.seconds), share === undefined ? '' : percent(share), ...against]
  })
  return table(['workload', 'ours', 'of the limit', ...contenders], rows.filter(Boolean))
}

function byRuntime() {
  const rows = workloads.map(workload => [
    workload,
    ...runtimes.flatMap(runtime =>
      threadCounts.map(threads => {
        const own = find(workload, 'fluxtape', threads, runtime)
        const share = own?.peakShare ?? own?.limitShare
        return own ? `${milliseconds(own.seconds)}${share === undefined ? '' : `, ${percent(share)}`}` : ''
      }),
    ),
  ])
  return table(['workload', ...runtimes.flatMap(runtime => threadCounts.map(threads => `${runtime}, ${threads}`))], rows)
}

const whereTimeGoes = profile.profiles
  .map(({ workload, microseconds, javaScript, replayed, kernels }) => {
    const parts = [{ kernel: 'JavaScript', microseconds: javaScript }, ...kernels].sort((a, b) => b.microseconds - a.microseconds)
    const told = parts.filter(part => part.microseconds >= 0.005 * microseconds)
    const list = told.map(part => `${part.kernel} ${percent(part.microseconds / microseconds)}`).join(', ')
    const alone = replayed === undefined ? '' : `; the same kernel calls without the library take ${percent(replayed)}`
    return `- **${workload}** (${microseconds.toPrecision(3)} µs): ${list}${alone}`
  })
  .join('\n')

const gemmFigure = Object.entries(header.pytorchGemm1024 ?? {}).map(
  ([threads, figure]) => `${figure.toFixed(0)} GFLOP/s on ${threads} thread${threads > 1 ? 's' : ''}`,
)
const page = `# Results

Made by \`node bench/results.mjs\` from a run of ${header.date.slice(0, 10)}, on ${header.cpu}:

\`\`\`sh
${header.command}
npm run bench:profile -- --json bench/profile.json
\`\`\`

Runtimes: ${runtimes.map(runtime => `${runtime} ${header.versions[runtime]} (${header.variants[runtime]})`).join(', ')}.
PyTorch ${header.versions.pytorch}; its own gemm-1024: ${gemmFigure.join(', ')}${header.pytorchEnvironment?.OPENBLAS_CORETYPE ? ` (with OPENBLAS_CORETYPE=${header.pytorchEnvironment.OPENBLAS_CORETYPE})` : ''}.
Everything is measured interleaved, round by round. Ratios are our time over theirs, the median over rounds with its quartiles: below 1 we are faster. "Of the limit" is the
step's arithmetic at the peak of a register-only kernel, measured in the same rounds, over our time. Our steps are those of \`jit(loss)\`, which are replayed; "without-jit" is
the same with the loss itself. predict-xs and predict-lenet are calls of \`jit(model)\` into an array; without-jit the model is called in a scope, and what it gives is read.
${Object.entries(header.missing ?? {})
  .map(([name, reason]) => `\nMissing: ${name}: ${reason}`)
  .join('')}
## Targets (${newest})

${table(['', 'first', 'in the end', 'measured', 'at best', 'met'], targets)}

At best: with the products at the peak, every other kernel as it is measured below, and no JavaScript at all. A target beyond that cannot be met on this machine.

${threadCounts.map(threads => `## ${threads === 1 ? 'One thread' : `${threads} threads`} (${newest}; JavaScript peers in the same)\n\n${comparison(threads)}\n`).join('\n')}
## By runtime and threads

${byRuntime()}

## Memory

${Object.entries(profile.memory)
  .map(
    ([steps, { tensors, heap }]) =>
      `- ${steps} steps of mlp-xs: tensors ${megabytes(tensors)} MiB at most, heap ${megabytes(heap)} MiB in the end`,
  )
  .join('\n')}

The heap holds what the engine compiles and learns of the program, too, which ends with the first few thousand steps.

## Where a step's time goes (Node ${profile.runtime}, ${profile.variant}, one thread)

${whereTimeGoes}
`

const file = new URL('RESULTS.md', folder)
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== page) {
    console.error('bench/RESULTS.md is stale: run node bench/results.mjs')
    process.exit(1)
  }
} else {
  writeFileSync(file, page)
}
