import { type Datastore, Key } from 'interface-datastore'
import * as v from 'valibot'
import { contentIdOf, manifestHashOf, type ContentId } from '#lib/content/content-id.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import { codec } from '#lib/protocol/codec.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { peerIdSchema, timeMsSchema } from '#lib/protocol/schemas.ts'

const PREFIX = '/starling/copies/'

/** People who want one copy; of more, the first go. Each pays for it in their own quota. */
export const MAX_OWNERS = 16

/** What is remembered of one copy. */
export interface CopyRow {
  /** Where its parts lie (content/store/part-store.ts). */
  shelf: string
  /** As who asked for it first said: more is not taken. */
  bytes: number
  /** Whether all of it is here. */
  complete: boolean
  /** Who wants it, and until when. */
  owners: [PeerIdString, number][]
}

const rowCodec = codec<CopyRow>(
  v.strictObject({
    shelf: v.pipe(v.string(), v.maxLength(32)),
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    complete: v.boolean(),
    owners: v.pipe(v.array(v.strictTuple([peerIdSchema, timeMsSchema])), v.maxLength(MAX_OWNERS)),
  }),
  4_096,
)

/** The rows of copies, in the relay's own datastore. */
export class CopyRows {
  readonly #datastore: Datastore

  constructor(components: { datastore: Datastore }) {
    this.#datastore = components.datastore
  }

  async all(): Promise<[ContentId, CopyRow][]> {
    const rows: [ContentId, CopyRow][] = []
    for await (const { key, value } of this.#datastore.query({ prefix: PREFIX })) {
      const hash = Buffer.from(key.baseNamespace(), 'base64url')
      rows.push([contentIdOf(Uint8Array.from(hash)), rowCodec.decode(value)])
    }
    return rows
  }

  async put(content: ContentId, row: CopyRow): Promise<void> {
    await this.#datastore.put(keyOf(content), rowCodec.encode(row))
  }

  async delete(content: ContentId): Promise<void> {
    await this.#datastore.delete(keyOf(content))
  }
}

function keyOf(content: ContentId): Key {
  return new Key(`${PREFIX}${toBase64url(manifestHashOf(content))}`)
}
