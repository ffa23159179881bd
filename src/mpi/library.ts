// The MPI library of the machine: where it is, what it is called, and what its constants are, which each make has its own of.
import { FluxtapeError } from '../errors.ts'
import { type Foreign, type Open, opener } from './foreign.ts'

/** What is called of it. */
const SIGNATURES = {
  MPI_Get_library_version: 'ipp',
  MPI_Initialized: 'ip',
  MPI_Init: 'iww',
  MPI_Comm_rank: 'iwp',
  MPI_Comm_size: 'iwp',
  MPI_Barrier: 'iw',
  MPI_Bcast: 'ipiwiw',
  MPI_Allgather: 'ipiwpiww',
  MPI_Alltoall: 'ipiwpiww',
  MPI_Allreduce: 'iwpiwww',
  MPI_Abort: 'iwi',
  MPI_Finalize: 'i',
} as const

/** Handles and addresses, as words. */
export interface Constants {
  readonly world: bigint
  readonly byte: bigint
  readonly float: bigint
  readonly sum: bigint
  readonly max: bigint
  readonly inPlace: bigint
}

export interface Library {
  readonly path: string
  /** What it says of itself: `Open MPI v4.1.4`. */
  readonly version: string
  readonly functions: Readonly<Record<keyof typeof SIGNATURES, Foreign>>
  /** To be called when MPI has begun. */
  readonly constants: () => Constants
}

/** The standard ABI of MPI-5 (MPI 5.0, appendix A.1): MPICH 5 and Open MPI 6 have a library of their own for it. */
const STANDARD: Constants = { world: 0x101n, byte: 0x247n, float: 0x210n, sum: 0x21n, max: 0x23n, inPlace: 1n }
/** MPICH and those with its ABI (Intel MPI, MVAPICH): the handles of its mpi.h, which are ints. */
const MPICH: Constants = {
  ...{ world: 0x44000000n, byte: 0x4c00010dn, float: 0x4c00040an, sum: 0x58000003n, max: 0x58000001n },
  inPlace: 2n ** 64n - 1n,
}

/** Open MPI's are addresses of its globals, which it gives for the numbers that Fortran has for them (mpif-handles.h). */
function ofOpenMpi(open: Open, path: string): Constants {
  const { MPI_Comm_f2c, MPI_Type_f2c, MPI_Op_f2c } = open(path, { MPI_Comm_f2c: 'wi', MPI_Type_f2c: 'wi', MPI_Op_f2c: 'wi' })
  const word = (from: Foreign, number: number) => BigInt(from(number))
  return {
    ...{ world: word(MPI_Comm_f2c, 0), byte: word(MPI_Type_f2c, 1), float: word(MPI_Type_f2c, 13) },
    ...{ sum: word(MPI_Op_f2c, 3), max: word(MPI_Op_f2c, 1), inPlace: 1n },
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/** What started this process, by what it leaves in the environment: its make, and how many processes it started. Undefined: nothing did. */
export function launcherIn(env: Environment): { readonly make: string; readonly size: number } | undefined {
  const size = (name: string) => Number(env[name]) || undefined
  const openMpi = size('OMPI_COMM_WORLD_SIZE')
  if (openMpi) return { make: 'Open MPI', size: openMpi }
  const hydra = size('PMI_SIZE')
  if (hydra) return { make: 'MPICH', size: hydra }
  // Without PMIx a step of Slurm starts processes that do not know of each other, which the library sees as so many worlds of one.
  const slurm = size('SLURM_STEP_NUM_TASKS') ?? (env.PMIX_RANK === undefined ? undefined : size('SLURM_NTASKS'))
  return slurm ? { make: 'Slurm', size: slurm } : undefined
}

/** The names under which systems have it, that of the launcher's make first. */
function namesFor(make: string, platform: string): string[] {
  const mpich = ['libmpi_abi.so.0', 'libmpich.so.12', 'libmpi.so.12']
  const openMpi = ['libmpi.so.40']
  const linux = make === 'MPICH' ? [...mpich, ...openMpi] : [...openMpi, ...mpich]
  if (platform !== 'darwin') return [...linux, 'libmpi.so']
  return ['', '/opt/homebrew/lib/', '/usr/local/lib/'].flatMap(folder => ['libmpi_abi.dylib', 'libmpi.dylib'].map(name => folder + name))
}

/** Sets a variable of the environment that libraries see. Where the C library has another name it stays as it was. */
export async function setForLibraries(name: string, value: string, platform: string): Promise<void> {
  const open = await opener()
  const text = (word: string) => new TextEncoder().encode(`${word}\0`)
  try {
    open?.(platform === 'darwin' ? 'libSystem.B.dylib' : 'libc.so.6', { setenv: 'ippi' }).setenv(text(name), text(value), 1)
  } catch {}
}

/** Opens the library for a launcher: the one that `FLUXTAPE_MPI` names, or the first that is there. Throws FluxtapeError where there is none. */
export async function libraryFor(make: string, env: Environment, platform: string): Promise<Library> {
  const open = await opener()
  if (!open)
    throw new FluxtapeError({
      operation: 'mpi',
      problem: 'this runtime cannot call the MPI library by itself',
      wayOut: 'Install the package koffi beside fluxtape (npm install koffi), or start Node 26 or newer, Deno or Bun.',
    })
  const named = env.FLUXTAPE_MPI
  const failures: string[] = []
  for (const path of named ? [named] : namesFor(make, platform)) {
    try {
      const functions = open(path, SIGNATURES)
      const text = new Uint8Array(8192)
      const length = new Int32Array(1)
      functions.MPI_Get_library_version(text, length)
      const said = new TextDecoder().decode(text.subarray(0, length[0])).split('\0')[0]
      const isOpenMpi = /Open MPI/.test(said)
      const constants = () => (/mpi_abi/.test(path) ? STANDARD : isOpenMpi ? ofOpenMpi(open, path) : MPICH)
      const version = said
        .split(/[\n,]/)[0]
        .replace(/\s*[:\t]\s*/g, ' ')
        .trim()
      return { path, version, functions, constants }
    } catch (error) {
      failures.push(`${path} (${(error as Error).message.split('\n')[0]})`)
    }
  }
  const wayOut = `${named ? 'FLUXTAPE_MPI names it. ' : ''}Install it (Debian: apt-get install openmpi-bin), or say where it is: FLUXTAPE_MPI=/path/to/libmpi.so. Deno wants --allow-ffi.`
  throw new FluxtapeError({ operation: 'mpi', problem: 'there is no MPI library', came: failures.join('; '), wayOut })
}
