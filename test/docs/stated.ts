import { inspect } from 'node:util'
import { Tensor } from 'fluxtape'
import ts from 'typescript'
import { expect } from 'vitest'

/**
 * The code of an example, with a check for each statement that ends in a comment of a value: `tensor([1, 4]).sqrt() // [1, 2]`, or of an error:
 * `zeros([-1]) // throws ShapeError`. Other comments are prose.
 */
export function withChecks(code: string): string {
  const file = ts.createSourceFile('example.ts', code, ts.ScriptTarget.ES2022, true)
  const checked = file.statements.map(statement => {
    const text = statement.getText()
    const comment = commentAfter(code, statement)
    if (comment === undefined || !(isError(comment) || isValue(comment))) return text
    if (!isError(comment) && !valueOf(comment)) throw new Error(`a comment that begins like a value, and is none: // ${comment}`)
    const check = (value: string) => `await check(${JSON.stringify(comment)}, async () => (${value}))`
    if (ts.isExpressionStatement(statement)) return check(statement.expression.getText())
    const name = ts.isVariableStatement(statement) && statement.declarationList.declarations[0].name.getText()
    return name ? `${text}\n${check(name)}` : text
  })
  // A block of its own, so that an example may reuse the name of an export.
  return ts.transpile(`{\n${checked.join(';\n')}\n}`, { target: ts.ScriptTarget.ES2022 })
}

/** The comments of a page's code that state what `console.log(...)` before them prints. */
export function printsOf(code: string): string[] {
  return printsIn(code).map(({ comment }) => comment)
}

/** The code with `stated(comment, [...])` instead of each `console.log(...) // comment`. */
export function withPrints(code: string): string {
  return printsIn(code).reduceRight((changed, { start, end, values, comment }) => {
    return `${changed.slice(0, start)}stated(${JSON.stringify(comment)}, [${values}])${changed.slice(end)}`
  }, code)
}

/** Compares what is printed, as text but for blanks within brackets; `about 0.97` is a number within two hundredths of that. */
export function checkPrinted(comment: string, values: readonly unknown[]): void {
  const about = comment.match(/^about (-?[\d.]+)$/)?.[1]
  if (about) return void expect(Math.abs(Number(values[0]) / Number(about) - 1), `${comment}: ${values[0]} came`).toBeLessThan(0.02)
  const stated = values.length === 1 ? valueOf(comment) : undefined
  const print = (value: unknown) => (typeof value === 'string' ? value : inspect(plain(value)))
  if (stated) expectLike(plain(values[0]), stated.value, digitsOf(comment), comment)
  else expect(unblanked(values.map(print).join(' ')), comment).toBe(unblanked(comment))
}

function printsIn(code: string) {
  const file = ts.createSourceFile('page.ts', code, ts.ScriptTarget.ES2022, true)
  const found: { start: number; end: number; values: string; comment: string }[] = []
  const visit = (node: ts.Node): void => {
    const call = ts.isExpressionStatement(node) && ts.isCallExpression(node.expression) && node.expression
    if (call && call.expression.getText() === 'console.log') {
      const comment = commentAfter(code, node)
      const values = call.arguments.map(argument => argument.getText()).join(', ')
      if (comment && isValue(comment)) found.push({ start: node.getStart(), end: node.getEnd(), values, comment })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

function unblanked(text: string): string {
  return text.replace(/(?<=[[{]) | (?=[\]}])/g, '')
}

/** Compares with as many digits as the comment has. */
export async function check(comment: string, compute: () => Promise<unknown>): Promise<void> {
  const error = isError(comment)
  if (error) return void (await expect(compute(), comment).rejects.toMatchObject({ name: error }))
  expectLike(plain(await compute()), valueOf(comment)?.value, digitsOf(comment), comment)
}

function digitsOf(comment: string): number {
  return Math.max(0, ...Array.from(comment.matchAll(/\d\.(\d+)/g), ([, fraction]) => fraction.length))
}

function commentAfter(code: string, statement: ts.Statement): string | undefined {
  const [comment] = ts.getTrailingCommentRanges(code, statement.end) ?? []
  return comment && code.slice(comment.pos + 2, comment.end).trim()
}

function isError(comment: string): string | undefined {
  return comment.match(/^throws (\w+)$/)?.[1]
}

/** What begins like a value is one, and must be right; other comments are prose. */
function isValue(comment: string): boolean {
  return /^(['"[{]|-?[\d.]+|about -?[\d.]+$|(true|false|null|undefined|NaN|-?Infinity)\b)/.test(comment)
}

function valueOf(comment: string): { value: unknown } | undefined {
  if (!isValue(comment)) return undefined
  try {
    return { value: new Function(`return (${comment})`)() }
  } catch {
    return undefined
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Tensor) return plain(value.toArray())
  if (ArrayBuffer.isView(value)) return Array.from(value as Float32Array)
  return Array.isArray(value) ? value.map(plain) : value
}

function expectLike(actual: unknown, stated: unknown, digits: number, comment: string): void {
  if (Array.isArray(stated)) {
    expect(actual, comment).toHaveLength(stated.length)
    stated.forEach((each, i) => expectLike((actual as unknown[])[i], each, digits, comment))
  } else if (typeof stated === 'number' && Number.isFinite(stated)) {
    const error = Math.abs((actual as number) - stated)
    expect(error, `${comment}: ${actual} came`).toBeLessThanOrEqual(1e-6 * Math.abs(stated) + (digits > 0 ? 0.5 * 10 ** -digits : 0))
  } else expect(actual, comment).toEqual(stated)
}
