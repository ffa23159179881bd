/** The arguments of a chunk. */
export interface Chunk {
  readonly kernel: number
  readonly descriptor: number
  readonly begin: number
  readonly end: number
}

export interface Manners {
  /** Called wherever a thread might be held up. */
  delay(): void
  /** Does it go to sleep after so many looks that found nothing? */
  isTired(looks: number): boolean
  readonly mayLeave: boolean
  compute(chunk: Chunk): void
}

export function follow(buffer: ArrayBufferLike, control: number, manners: Manners): void
