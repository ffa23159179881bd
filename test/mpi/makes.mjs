// The makes of MPI that the tests are run with.
import { spawnSync } from 'node:child_process'

export const MAKES = {
  openmpi: {
    name: 'Open MPI',
    says: /Open (MPI|RTE)|OpenRTE|prte/i,
    /** More ranks than cores, as root in a container. */
    many: ['--oversubscribe', '--allow-run-as-root'],
    library: 'libmpi.so.40',
    hostfile: '--hostfile',
    hosts: slots => Object.entries(slots).map(([name, n]) => `${name} slots=${n}`),
    /** Where the other make's launcher says how many it has started. */
    foreign: { name: 'MPICH', size: 'PMI_SIZE' },
  },
  mpich: {
    name: 'MPICH',
    says: /HYDRA|MPICH/,
    many: [],
    library: 'libmpich.so.12',
    hostfile: '-f',
    hosts: slots => Object.entries(slots).map(([name, n]) => `${name}:${n}`),
    foreign: { name: 'Open MPI', size: 'OMPI_COMM_WORLD_SIZE' },
  },
}

/** A make with the command that starts it, which Debian gives a name of its own where several are installed; undefined where it is not there. */
export function launcherOf(id) {
  const make = MAKES[id]
  if (!make) throw new Error(`there is no make ${id}: ${Object.keys(MAKES).join(', ')}`)
  const command = [`mpirun.${id}`, 'mpirun'].find(name => make.says.test(spawnSync(name, ['--version'], { encoding: 'utf8' }).stdout ?? ''))
  return command && { ...make, id, command }
}
