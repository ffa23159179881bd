/** Has the garbage collected, and gives the finalizers the turns of the event loop that they need. */
export async function collected(): Promise<void> {
  const { gc } = globalThis
  if (!gc) throw new Error('these tests need node --expose-gc')
  for (let i = 0; i < 3; i++) {
    gc()
    await new Promise(resolve => setTimeout(resolve))
  }
}
