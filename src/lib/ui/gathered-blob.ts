/** So many pieces wait in the memory of the tab before the browser is given them; a piece has at most 1 MiB. */
export const MAX_WAITING_PIECES = 64

/** Gathers pieces in a blob as they come. Browsers keep large blobs out of the tab, on the disk. */
export class GatheredBlob {
  #blob = new Blob()
  #pieces: Uint8Array<ArrayBuffer>[] = []
  #waitingBytes = 0

  /** Gathered so far. */
  get bytes(): number {
    return this.#blob.size + this.#waitingBytes
  }

  add(piece: Uint8Array<ArrayBuffer>): void {
    this.#pieces.push(piece)
    this.#waitingBytes += piece.byteLength
    if (this.#pieces.length >= MAX_WAITING_PIECES) this.#fold('')
  }

  /** All that was gathered. @param type its media type */
  whole(type: string): Blob {
    return this.#fold(type)
  }

  /** Lets go of it. */
  clear(): void {
    this.#blob = new Blob()
    this.#pieces = []
    this.#waitingBytes = 0
  }

  #fold(type: string): Blob {
    this.#blob = new Blob([this.#blob, ...this.#pieces], { type })
    this.#pieces = []
    this.#waitingBytes = 0
    return this.#blob
  }
}
