import { learn } from './learn.js'

learn().then(
  result => postMessage(result),
  error => postMessage({ error: String(error) }),
)
