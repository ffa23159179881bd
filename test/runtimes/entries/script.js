// In a page that loaded the library by a script tag, from wherever either comes: a classic script, as smoke.js before it.
const { id, home, options } = JSON.parse(decodeURIComponent(location.search.slice(1)))
const report = message => fetch(`${home}/report?${id}`, { method: 'POST', mode: 'no-cors', body: JSON.stringify(message) })
addEventListener('error', ({ message }) => report({ error: message }))
addEventListener('unhandledrejection', ({ reason }) => report({ error: `nobody caught: ${reason}` }))

setTimeout(async () => {
  try {
    await report({ running: 'the start' })
    if (!globalThis.fluxtape) throw new Error('the script tag made no global fluxtape')
    await report({ result: await globalThis.smoke(globalThis.fluxtape, options.expect) })
  } catch (error) {
    await report({ error: String(error?.stack ?? error) })
  }
})
