// A server that answers at once while a worker trains. Run it with `node examples/worker-server.mjs [--port 8080]`, then
//   curl -N localhost:8080/train
// and meanwhile, from another terminal,
//   curl -d "[$(printf '0,%.0s' $(seq 63))1]" localhost:8080/predict
// Breaking the first one off ends the run. The same file is the worker's module.
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { Adam, Chain, DataLoader, Dense, loadState, logitCrossEntropy, params, relu, softmax, state, tensor, train } from 'fluxtape'
import { digits } from 'fluxtape/datasets'
import { inWorker, serve } from 'fluxtape/worker'

const network = () => Chain(Dense(64, 64, relu), Dense(64, 10))

if (isMainThread) await answer()
else {
  const model = network()
  const data = new DataLoader(digits().train, { batchSize: 64, shuffle: true })
  serve({
    /** Tells every hundredth epoch, with the weights of then. */
    async fit({ epochs }, { signal, onWeights }) {
      const onEpoch = ({ epoch, loss }) => epoch % 100 === 0 && onWeights({ epoch, loss }, state(model)).then(() => {})
      const loss = (x, y) => logitCrossEntropy(model(x), y)
      await train(loss, params(model), data, Adam(), { epochs, signal, callbacks: { onEpoch } })
    },
  })
}

async function answer() {
  const remote = await inWorker(new URL(import.meta.url))
  const model = network()
  const routes = {
    /** A line every hundred epochs, until the run is over or the client has gone. */
    async '/train'(_, response) {
      const gone = new AbortController()
      response.on('close', () => gone.abort())
      const onWeights = (record, weights) => {
        loadState(model, weights)
        response.write(`${JSON.stringify(record)}\n`)
      }
      await remote.fit({ epochs: 10_000 }, { signal: gone.signal, onWeights })
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
}
