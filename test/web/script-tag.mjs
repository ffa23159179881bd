// The page that works from the script tag alone, served and from a file on disk.
import { assert, pause, Visit } from './harness.mjs'

export async function scriptTag(checks, browser, url, { isIsolated, folder, prefix, axe }) {
  await checks.run(`a script tag ${url.startsWith('file:') ? 'in a file on disk' : 'served'}: spirals are told apart`, async () => {
    const visit = await Visit.open(browser, url, { folder, prefix })
    await visit.until('state', 'Ready', 20_000)
    await visit.click('go')
    await visit.until('state', 'Training', 5000)
    await visit.click('go')
    await visit.until('state', 'Paused', 5000)
    await pause(200)
    const held = await visit.text('steps')
    await pause(300)
    assert((await visit.text('steps')) === held, 'pause does not hold')
    await visit.shot('paused')
    await visit.click('go')
    await visit.until('state', 'Done')
    await pause(200)
    const accuracy = await visit.number('accuracy')
    const [threads, why] = [await visit.number('threads'), await visit.text('threads-why')]
    await visit.shot('done')
    await visit.page.select('#arms', '4')
    await visit.until('state', 'Ready', 5000)
    await visit.click('go')
    await visit.until('state', 'Training', 5000)
    await visit.click('reset')
    await visit.until('state', 'Ready', 5000)
    const barriers = await visit.barriers(axe)
    const complaints = await visit.close()
    assert(accuracy > 95, `accuracy ${accuracy} %`)
    assert(isIsolated ? threads > 1 : threads === 1 && why.includes('not cross-origin isolated'), `${threads} threads: ${why}`)
    assert(barriers === '' && complaints.length === 0, [barriers, ...complaints].join('; '))
    return `${accuracy} %, ${threads} threads`
  })
}
