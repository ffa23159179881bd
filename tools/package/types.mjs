import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const program = `import { Dense, gradient, mse, params, tensor, train, Adam, type Tensor } from 'fluxtape'
import { digits, type Digits } from 'fluxtape/datasets'

const { train: [x, y] }: Digits = digits()
const model = Dense(64, 1)
const loss = (a: Tensor, b: Tensor): Tensor => mse(model(a).flatten(), b)
const shape: readonly number[] = x.shape
const [slope] = gradient((a: Tensor) => a.mul(a).sum(), tensor(shape))
await train(loss, params(model), [[x, y.cast('float32')]], Adam(1e-3), { epochs: 1 })
export const result: number = slope.sum().item()
`

/** Compiles a program against the packed declarations themselves: strict, nothing skipped, as a bundler and as Node resolve. */
export function typesServe(scratch, tarball) {
  const folder = join(scratch, 'types')
  const installed = join(folder, 'node_modules/fluxtape')
  mkdirSync(installed, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  const file = join(folder, 'program.ts')
  writeFileSync(file, program)
  const { ModuleKind, ModuleResolutionKind, ScriptTarget } = ts
  const shared = { strict: true, skipLibCheck: false, noEmit: true, target: ScriptTarget.ES2022, types: [] }
  for (const options of [
    { ...shared, module: ModuleKind.ESNext, moduleResolution: ModuleResolutionKind.Bundler },
    { ...shared, module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext },
  ]) {
    const problems = ts.getPreEmitDiagnostics(ts.createProgram([file], options))
    if (problems.length === 0) continue
    throw new Error(problems.map(each => `${each.file?.fileName}: ${ts.flattenDiagnosticMessageText(each.messageText, '\n')}`).join('\n'))
  }
}
