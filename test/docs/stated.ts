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
    if (comment === undefined || !(isError(comment) || valueOf(comment))) return text
    const check = (value: string) => `await check(${JSON.stringify(comment)}, async () => (${value}))`
    if (ts.isExpressionStatement(statement)) return check(statement.expression.getText())
    const name = ts.isVariableStatement(statement) && statement.declarationList.declarations[0].name.getText()
    return name ? `${text}\n${check(name)}` : text
  })
  // A block of its own, so that an example may reuse the name of an export.
  return ts.transpile(`{\n${checked.join(';\n')}\n}`, { target: ts.ScriptTarget.ES2022 })
}

/** Compares with as many digits as the comment has. */
export async function check(comment: string, compute: () => Promise<unknown>): Promise<void> {
  const error = isError(comment)
  if (error) return void (await expect(compute(), comment).rejects.toMatchObject({ name: error }))
  const digits = Math.max(0, ...Array.from(comment.matchAll(/\d\.(\d+)/g), ([, fraction]) => fraction.length))
  expectLike(plain(await compute()), valueOf(comment)?.value, digits, comment)
}

function commentAfter(code: string, statement: ts.Statement): string | undefined {
  const [comment] = ts.getTrailingCommentRanges(code, statement.end) ?? []
  return comment && code.slice(comment.pos + 2, comment.end).trim()
}

function isError(comment: string): string | undefined {
  return comment.match(/^throws (\w+)$/)?.[1]
}

function valueOf(comment: string): { value: unknown } | undefined {
  if (!/^(['"[{\d-]|true|false|null|undefined|NaN|Infinity)/.test(comment)) return undefined
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
