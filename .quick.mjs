import all from './rollup.config.mjs'
export default { ...all[0], output: { ...all[0].output, file: process.env.OUT + '/fluxtape.js' } }
