/**
 * One table for each of our runtimes and thread counts: a row a workload, ours first, then the ratio to each contender with
 * that contender's own time.
 * @param {import('./records.mjs').BenchRecord[]} records
 * @param {{ workload: string, contender: string, threads: number, missing: string }[]} gaps what a contender could not do, and why
 * @returns {string}
 */
export function tables(records, gaps) {
  const groups = new Map()
  for (const record of records) {
    const title = `${record.runtime}, ${record.threads} thread${record.threads > 1 ? 's' : ''}`
    groups.set(title, [...(groups.get(title) ?? []), record])
  }
  return [...groups]
    .map(
      ([title, group]) =>
        `${title}\n\n${table(
          group,
          gaps.filter(gap => gap.threads === group[0].threads),
        )}`,
    )
    .join('\n\n')
}

function table(records, gaps) {
  const contenders = [...new Set(records.map(r => r.contender))].filter(name => name !== 'fluxtape')
  const names = [...new Set(records.map(r => r.workload))]
  const find = (workload, contender) => records.find(r => r.workload === workload && r.contender === contender)
  const missing = (workload, contender) => gaps.find(gap => gap.workload === workload && gap.contender === contender)?.missing
  const head = ['workload', 'ours', 'limit share', 'peak', ...contenders.map(name => `ours / ${name}`)]
  const rows = names.map(name => {
    const mine = find(name, 'fluxtape')
    return [
      name,
      mine ? time(mine.seconds) : '',
      mine?.limitShare ? `${(100 * mine.limitShare).toFixed(0)} %` : '',
      mine?.peak ? `${mine.peak.toFixed(1)} GF/s` : '',
      ...contenders.map(contender => cell(find(name, contender)) || missing(name, contender) || ''),
    ]
  })
  return align([head, ...rows])
}

function cell(record) {
  if (!record) return ''
  if (record.ratio === null) return `(${time(record.seconds)})`
  return `${ratio(record.ratio)} [${ratio(record.q1)} ${ratio(record.q3)}] (${time(record.seconds)})`
}

const ratio = x => (x < 0.0995 ? x.toFixed(3) : x.toFixed(2))

/** @param {number} seconds */
export const time = seconds => {
  const ms = 1000 * seconds
  return `${ms < 0.0995 ? ms.toFixed(4) : ms < 9.95 ? ms.toFixed(2) : ms.toFixed(ms < 99.5 ? 1 : 0)} ms`
}

/** Rows of cells as a Markdown table with even columns, the first to the left and the others to the right. */
export function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(3, ...rows.map(row => row[column].length)))
  const line = row => `| ${row.map((text, i) => (i === 0 ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)].join('\n')
}
