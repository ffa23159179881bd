// Kills rank 1 once, when there is a checkpoint of step DIES_FROM or later in the folder DIES_AT; loaded before a program by NODE_OPTIONS='--import
// .../dies.mjs'. A thread looks, as the program has few turns.
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { isMainThread, Worker } from 'node:worker_threads'

const { PMI_RANK, OMPI_COMM_WORLD_RANK: rank = PMI_RANK, DIES_AT: folder, DIES_FROM: from } = process.env
if (rank === '1' && !existsSync(`${folder}.died`)) {
  if (isMainThread) new Worker(new URL(import.meta.url)).unref()
  else {
    setInterval(() => {
      if (!existsSync(folder) || !readdirSync(folder).some(name => Number(/^step-(\d+)\.safetensors$/.exec(name)?.[1]) >= Number(from)))
        return
      writeFileSync(`${folder}.died`, '')
      process.kill(process.pid, 'SIGKILL')
    }, 1)
  }
}
