// A server that trains while it answers. Run it with `node examples/server.mjs [--port 8080]`, then
//   curl -N localhost:8080/train
// and meanwhile, from another terminal,
//   curl -d "[$(printf '0,%.0s' $(seq 63))1]" localhost:8080/predict
// Breaking the first one off ends the run.
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { Adam, Chain, DataLoader, Dense, logitCrossEntropy, params, relu, softmax, tensor, train } from 'fluxtape'
import { digits } from 'fluxtape/datasets'

const model = Chain(Dense(64, 64, relu), Dense(64, 10))
const loss = (x, y) => logitCrossEntropy(model(x), y)
const data = new DataLoader(digits().train, { batchSize: 64, shuffle: true })

const routes = {
  /** A line every hundred epochs, until the run is over or the client has gone. */
  async '/train'(_, response) {
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const onEpoch = ({ epoch, loss }) => void (epoch % 100 === 0 && response.write(`${JSON.stringify({ epoch, loss })}\n`))
    await train(loss, params(model), data, Adam(), { epochs: 10_000, breathe: 5, signal: gone.signal, callbacks: { onEpoch } })
    response.end()
  },
  /** 64 numbers in, ten chances out. */
  async '/predict'(request, response) {
    const parts = []
    for await (const part of request) parts.push(part)
    const [chances] = softmax(model(tensor([JSON.parse(Buffer.concat(parts).toString())]))).toArray()
    response.end(JSON.stringify(chances))
  },
}

const server = createServer(async (request, response) => {
  try {
    const route = routes[request.url]
    if (route) await route(request, response)
    else response.writeHead(404).end('there are /train and /predict\n')
  } catch (error) {
    console.log(`${request.url}: ${error.message}`)
    if (!response.headersSent) response.writeHead(400)
    response.end(`${error.message}\n`)
  }
})
const { port } = parseArgs({ options: { port: { type: 'string', default: '8080' } } }).values
server.listen(Number(port), () => console.log(`http://localhost:${server.address().port}`))
