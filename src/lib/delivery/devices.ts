/**
 * An identity lives in one installation at a time. One brought back elsewhere announces itself, signed, and the one
 * before learns of it from whoever of these it meets first, and stops:
 *
 *     contacts   keep the newest announcement of each person, and show it to whoever comes with an older one
 *     mailboxes  of the identity itself, where each installation leaves its own
 *
 * An announcement is a signed object: list of public key, id of the installation (16 random bytes), generation. The
 * highest generation is the newest (db/device.ts).
 */
import * as v from 'valibot'
import type { Identity } from '../crypto/api.ts'
import type { DeviceRow, StarlingDatabase } from '../db/schema.ts'
import { orStorageFull } from '../db/storage-full.ts'
import { equalBytes } from '../protocol/codec.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import { PUBLIC_KEY_BYTES, peerIdOf, type PeerIdString } from '../protocol/ids.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import { signed } from '../protocol/signed.ts'

/** Longest announcement in bytes. */
export const MAX_ANNOUNCEMENT_BYTES = 256

const announcements = signed({
  context: 'starling-device-1',
  schema: v.strictTuple([
    bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES),
    bytesSchema(16, 16),
    v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  ]),
  maxBytes: 128,
  signedBy: ([publicKey]) => Uint8Array.from(publicKey),
})

/** What is remembered of installations, mine and others'. */
export interface DeviceStore {
  mine(): Promise<DeviceRow>
  /** Writes that another has taken its place. */
  replaced(atMs: number): Promise<void>
  /** The newest announcement of a contact. */
  theirs(peer: PeerIdString): Promise<Uint8Array | null>
  putTheirs(peer: PeerIdString, announcement: Uint8Array): Promise<void>
}

export interface DevicesComponents {
  identity: Identity
  store: DeviceStore
  clock: { now(): number }
}

export interface DevicesInit {
  /** Another installation has taken the place of this one, which is durable now: it must stop. */
  onReplaced(): void
}

export class Devices {
  readonly #components: DevicesComponents
  readonly #init: DevicesInit

  constructor(components: DevicesComponents, init: DevicesInit) {
    this.#components = components
    this.#init = init
  }

  /** Of this installation: higher than that of any before. */
  async generation(): Promise<number> {
    return (await this.#components.store.mine()).generation
  }

  /** What this installation says of itself. */
  async announcement(): Promise<Uint8Array> {
    const { identity, store } = this.#components
    const { id, generation } = await store.mine()
    return announcements.seal([identity.publicKey, id, generation], identity)
  }

  /**
   * Somebody shows an announcement, of themselves or of me.
   * @returns a newer one of theirs, for them to see
   * @throws LimitExceededError, InvalidDataError, InvalidSignatureError
   */
  async hear(peer: PeerIdString, bytes: Uint8Array): Promise<Uint8Array | null> {
    const { identity, store } = this.#components
    const [publicKey, , generation] = await announcements.open(bytes)
    const about = peerIdOf(publicKey)
    if (about === identity.peer) {
      await this.hearOwn(bytes)
      return null
    }
    if (about !== peer) throw new InvalidDataError('the installation of somebody else')
    const known = await store.theirs(peer)
    const newest = known === null ? -1 : announcements.peek(known)[2]
    if (generation < newest) return known
    if (generation > newest) await store.putTheirs(peer, bytes)
    return null
  }

  /** One of my own identity: says whether it is of this installation, of an older or of a newer one. */
  async hearOwn(bytes: Uint8Array): Promise<'this' | 'older' | 'newer'> {
    const { clock, identity, store } = this.#components
    const [publicKey, id, generation] = await announcements.open(bytes)
    if (peerIdOf(publicKey) !== identity.peer) throw new InvalidDataError('of somebody else')
    const mine = await store.mine()
    if (equalBytes(id, mine.id)) return 'this'
    if (generation <= mine.generation) return 'older'
    await store.replaced(clock.now())
    this.#init.onReplaced()
    return 'newer'
  }
}

export class DexieDeviceStore implements DeviceStore {
  readonly #db: Pick<StarlingDatabase, 'device' | 'devices'>

  constructor(db: Pick<StarlingDatabase, 'device' | 'devices'>) {
    this.#db = db
  }

  async mine(): Promise<DeviceRow> {
    const row = await this.#db.device.get('me')
    if (row === undefined) throw new InvalidDataError('an identity without an installation')
    return row
  }

  async replaced(atMs: number): Promise<void> {
    await orStorageFull(this.#db.device.update('me', { replacedAtMs: atMs }))
  }

  async theirs(peer: PeerIdString): Promise<Uint8Array | null> {
    return (await this.#db.devices.get(peer))?.announcement ?? null
  }

  async putTheirs(peer: PeerIdString, announcement: Uint8Array): Promise<void> {
    await orStorageFull(this.#db.devices.put({ peer, announcement }))
  }
}
