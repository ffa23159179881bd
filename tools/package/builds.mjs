import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** Builds a copy of the sources in another folder, kernels and all, and compares dist/ byte by byte. */
export function builtAlike(scratch) {
  const copy = join(scratch, 'copy')
  const sources = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', 'assembly', 'src', 'tools', '*.*'], {
    encoding: 'utf8',
  })
  for (const file of new Set(sources.split('\n').filter(file => file && existsSync(file)))) cpSync(file, join(copy, file))
  symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: copy, stdio: ['ignore', 'pipe', 'pipe'] })
  const names = folder => readdirSync(folder).sort()
  if (`${names('dist')}` !== `${names(join(copy, 'dist'))}`)
    throw new Error(`${names('dist')} and ${names(join(copy, 'dist'))}: run npm run build`)
  const differs = names('dist').filter(name => !readFileSync(join('dist', name)).equals(readFileSync(join(copy, 'dist', name))))
  if (differs.length > 0)
    throw new Error(`${differs.join(', ')}: dist/ is stale (npm run build), or the build depends on more than the sources`)
}
