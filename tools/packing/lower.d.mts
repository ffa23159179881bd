export function lowered(bytes: Uint8Array): Uint8Array<ArrayBuffer>
export function lowerings(bytes: Uint8Array): number
