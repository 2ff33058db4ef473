/** A file that is written: it takes pieces, and is kept once `keep` resolves. */
export interface Saving {
  /** Resolves when the next piece may come. @throws DOMException `AbortError` when the person has ended it */
  write(piece: Uint8Array<ArrayBuffer>): Promise<void>
  /** False when the person did not want it after all. Where it shares, to be called by a press of theirs. */
  keep(): Promise<boolean>
  /** Nothing of it stays. */
  drop(): Promise<void>
  /** Whether `keep` needs a press of its own. */
  readonly byPress: boolean
}

/** Whether the person has decided against it. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}
