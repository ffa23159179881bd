export interface Run {
  readonly at: string
  readonly model: string
  readonly threads: number
  readonly hash?: string
  readonly steps: readonly number[]
}

/** The published hashes by model. */
export function published(): Map<string, string>
export function deviants(runs: readonly Run[]): Map<string, Run[]>
