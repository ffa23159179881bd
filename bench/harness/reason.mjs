/**
 * What went wrong in one line, without the places of this machine that Node names.
 * @param {unknown} error
 */
export const reasonOf = error =>
  String(error?.message ?? error)
    .split('\n')[0]
    .replace(/ imported from .*/, '')
