// What is run, on how many ranks, and what must come of it.
import assert from 'node:assert/strict'

/** Throws unless the job ended well; gives the lines that its ranks printed as JSON. */
function printed({ code, out, err }) {
  assert.equal(code, 0, `${out}\n${err}`)
  return out
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line))
}

export const CASES = {
  exchange: {
    everywhere: true,
    async test({ run }) {
      const alone = printed(await run(0, ['exchange.mjs']))
      assert.deepEqual(alone, [{ rank: 0, size: 1 }])
      for (const size of [1, 2, 3, 4]) {
        const said = printed(await run(size, ['exchange.mjs']))
        assert.deepEqual(
          said.map(({ rank }) => rank).sort(),
          Array.from({ length: size }, (_, i) => i),
        )
        assert.ok(said.every(each => each.size === size))
      }
    },
  },
  refusals: {
    everywhere: true,
    async test({ run }) {
      printed(await run(2, ['refusals.mjs']))
      const { code, out, err } = await run(2, ['throws.mjs'])
      assert.notEqual(code, 0)
      assert.match(out + err, /the third batch is upside down/)
      const gone = await run(0, ['exchange.mjs'], { env: { OMPI_COMM_WORLD_SIZE: '2', FLUXTAPE_MPI: '/nowhere/libmpi.so' } })
      assert.match(gone.err, /mpi: there is no MPI library: \/nowhere\/libmpi\.so/)
      const other = await run(0, ['exchange.mjs'], { env: { PMI_SIZE: '2' } })
      assert.match(
        other.err,
        /mpi: the launcher and the library are of different makes: MPICH has started 2, of which Open MPI v[\d.]+ sees 1/,
      )
    },
  },
}
