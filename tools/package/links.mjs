import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Every relative link of a page that the package carries leads to a file, and a heading, that it carries, too. */
export function linksResolve(paths) {
  const pages = paths.filter(path => path.endsWith('.md'))
  const anchors = new Map(pages.map(page => [page, anchorsOf(readFileSync(page, 'utf8'))]))
  let count = 0
  const broken = pages.flatMap(page =>
    linksOf(readFileSync(page, 'utf8')).flatMap(link => {
      count++
      const [path, anchor] = link.split('#')
      const target = path === '' ? page : join(dirname(page), path)
      if (!paths.includes(target)) return `${page}: ${link} is not in the package${existsSync(target) ? '' : ', nor in the repository'}`
      return anchor && !anchors.get(target)?.has(anchor) ? `${page}: ${link} is no heading of ${target}` : []
    }),
  )
  if (broken.length > 0) throw new Error(broken.join('\n'))
  return `${count} links on ${pages.length} pages`
}

function linksOf(text) {
  return Array.from(withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g), ([, link]) => link).filter(link => !/^[a-z]+:/.test(link))
}

/** The anchors that GitHub and npm give to headings: the second of a name has a 1 behind it. */
function anchorsOf(text) {
  const headings = Array.from(withoutCode(text).matchAll(/^#+ (.+)$/gm), ([, heading]) => heading)
  const anchors = headings.map(heading =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  const before = i => anchors.slice(0, i).filter(each => each === anchors[i]).length
  return new Set(anchors.map((anchor, i) => (before(i) === 0 ? anchor : `${anchor}-${before(i)}`)))
}

function withoutCode(text) {
  return text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, code => code.replace(/[[\]()]/g, ''))
}
