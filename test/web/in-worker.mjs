// The page that trains in a worker: it goes on drawing, the line grows, a run stops and the weights arrive.
import { assert, Visit } from './harness.mjs'

export async function inWorker(checks, browser, url, { folder, prefix, axe }) {
  await checks.run('a worker trains while the page draws', async () => {
    const visit = await Visit.open(browser, url, { folder, prefix })
    await visit.until('state', 'Ready', 20_000)
    await visit.click('go')
    await visit.page.waitForFunction(() => Number(document.getElementById('epoch').textContent) >= 3, { timeout: 20_000 })
    await visit.shot('training')
    await visit.click('go')
    await visit.until('state', 'Stopped', 5000)
    assert((await visit.number('epoch')) < 60, 'the run was over before it was stopped')
    await visit.click('go')
    await visit.until('state', 'Training', 5000)
    const frames = await visit.framesInASecond()
    const isTraining = (await visit.text('state')) === 'Training'
    await visit.until('state', 'Done', 60_000)
    const right = await visit.number('accuracy')
    const wait = await visit.text('wait')
    await visit.shot('done')
    await visit.click('end')
    await visit.until('state', 'The worker was ended', 5000)
    const barriers = await visit.barriers(axe)
    const complaints = await visit.close()
    assert(right > 90, `${right} % of the test digits are right`)
    assert(!isTraining || frames >= 24, `${frames} frames in a second`)
    assert(barriers === '' && complaints.length === 0, [barriers, ...complaints].join('; '))
    return `${right} %, ${frames} frames in a second, longest wait ${wait}`
  })
}
