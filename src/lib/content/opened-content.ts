import { equalBytes } from '../protocol/codec.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import { decodeAbout, type About } from './about.ts'
import type { ChunkCipher } from './chunk-cipher.ts'
import { NotHereError } from './errors.ts'
import type { Holding } from './holding.ts'
import { aboutRange, layOut, requireFit, type LeafRange } from './layout.ts'
import { CHUNK_BYTES } from './manifest.ts'
import { release } from './release.ts'

/** Leaves read ahead of who takes them. */
const READ_AHEAD = 2

/** A content that can be read here: its files, as far as they are. */
export class OpenedContent {
  readonly about: About
  readonly holding: Holding
  /** The leaves of each file, in the files' order. */
  readonly ranges: readonly LeafRange[]
  readonly #cipher: ChunkCipher

  private constructor(about: About, holding: Holding, cipher: ChunkCipher) {
    this.about = about
    this.holding = holding
    this.ranges = layOut(about.files)
    this.#cipher = cipher
  }

  /**
   * @throws NotHereError while the description is not all here; InvalidDataError when it is opened with another key, or
   * describes something else; InvalidSignatureError
   */
  static async open(holding: Holding, cipher: ChunkCipher): Promise<OpenedContent> {
    const { manifest } = holding
    if (manifest === null) throw new NotHereError('no manifest')
    const chunks: Uint8Array[] = []
    for await (const chunk of readRange(holding, cipher, aboutRange(manifest))) chunks.push(chunk)
    const bytes = new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer())
    const about = await decodeAbout(bytes)
    requireFit(manifest, about.files, bytes.byteLength)
    const leavesHash = await holding.leavesHash(aboutRange(manifest).first)
    if (leavesHash === null) throw new NotHereError('not all lists')
    if (!equalBytes(leavesHash, about.leavesHash)) {
      throw new InvalidDataError('described with other files')
    }
    return new OpenedContent(about, holding, cipher)
  }

  /** Of the files, how many bytes are here: the last leaf of a file is mostly shorter than a chunk. */
  get heldBytes(): number {
    const { leaves, manifest } = this.holding
    const { first, count } = aboutRange(manifest!)
    let bytes = (leaves.count - leaves.countIn(first, count)) * CHUNK_BYTES
    this.about.files.forEach((file, at) => {
      const range = this.ranges[at]!
      const tail = range.first + range.count - 1
      if (range.count > 0 && leaves.has(tail)) bytes -= range.count * CHUNK_BYTES - file.bytes
    })
    return bytes
  }

  /** The bytes of one file, a chunk at a time. @throws NotHereError where one is missing */
  read(file: number): AsyncIterable<Uint8Array<ArrayBuffer>> {
    const range = this.ranges[file]
    if (range === undefined) throw new InvalidDataError('no such file')
    return readRange(this.holding, this.#cipher, range)
  }
}

async function* readRange(
  holding: Holding,
  cipher: ChunkCipher,
  { first, count }: LeafRange,
): AsyncIterable<Uint8Array<ArrayBuffer>> {
  const ahead: Promise<Uint8Array<ArrayBuffer>>[] = []
  const chunk = async (index: number): Promise<Uint8Array<ArrayBuffer>> => {
    const bytes = await holding.read({ kind: 'leaf', index })
    if (bytes === null) throw new NotHereError(`leaf ${index} is not here`)
    const chunk = await cipher.open(index, bytes)
    if (chunk !== bytes) release(bytes)
    return chunk
  }
  for (let index = first; index < first + count; index += 1) {
    const next = chunk(index)
    // Whoever takes it gets to know.
    next.catch(() => undefined)
    ahead.push(next)
    if (ahead.length > READ_AHEAD) yield await ahead.shift()!
  }
  for (const each of ahead) yield await each
}
