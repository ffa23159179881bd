import { start } from './start.js'

start((where, result) => {
  document.body.dataset[where] = JSON.stringify(result)
})
