// The processes of a job, and the few calls of MPI by which they exchange memory: on the main thread, without callbacks, where it lies.
import type { Library } from './library.ts'

/** What is sent: memory of any kind. */
type Memory = ArrayBufferView

export interface Ranks {
  readonly rank: number
  readonly size: number
  /** What the MPI library says of itself; undefined without one. */
  readonly library: string | undefined
  /** All have what `root` has. */
  broadcast(x: Uint8Array, root: number): void
  /** `all` has the memory of each, in the order of ranks. */
  gather(own: Memory, all: Memory): void
  /** `from` has a piece for each rank, `to` gets one of each. */
  swap(from: Memory, to: Memory): void
  /** In place, by the library's own reduction, whose order of sums is its own. */
  reduce(x: Float32Array, how: 'sum' | 'max'): void
  /** Ends the whole job. */
  abort(code: number): void
  finalize(): void
}

/** A world of one, which no library is needed for. */
export const ALONE: Ranks = {
  ...{ rank: 0, size: 1, library: undefined },
  broadcast() {},
  gather: copyTo,
  swap: copyTo,
  reduce() {},
  abort() {},
  finalize() {},
}

function bytesOf({ buffer, byteOffset, byteLength }: Memory): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function copyTo(from: Memory, to: Memory): void {
  bytesOf(to).set(bytesOf(from))
}

/** The most bytes that are broadcast at a time: MPI counts in ints. */
const PIECE = 2 ** 30

/** Joins the job that this process was started in. */
export function join({ functions, constants: constantsOf, version }: Library): Ranks {
  const { MPI_Init, MPI_Initialized, MPI_Comm_rank, MPI_Comm_size, MPI_Bcast, MPI_Allgather, MPI_Alltoall, MPI_Allreduce } = functions
  const number = new Int32Array(1)
  MPI_Initialized(number)
  if (number[0] === 0) MPI_Init(0n, 0n)
  const constants = constantsOf()
  const { world, byte, float, inPlace } = constants
  const asked = (f: (typeof functions)[keyof typeof functions]): number => {
    f(world, number)
    return number[0]
  }
  const [rank, size] = [asked(MPI_Comm_rank), asked(MPI_Comm_size)]
  return {
    ...{ rank, size, library: version },
    broadcast(x, root) {
      for (let at = 0; at < x.length; at += PIECE) {
        const piece = x.subarray(at, at + PIECE)
        MPI_Bcast(piece, piece.length, byte, root, world)
      }
    },
    gather: (own, all) => void MPI_Allgather(own, own.byteLength, byte, all, own.byteLength, byte, world),
    swap: (from, to) => void MPI_Alltoall(from, from.byteLength / size, byte, to, from.byteLength / size, byte, world),
    reduce: (x, how) => void MPI_Allreduce(inPlace, x, x.length, float, constants[how], world),
    abort: code => void functions.MPI_Abort(world, code),
    finalize: () => void functions.MPI_Finalize(),
  }
}
