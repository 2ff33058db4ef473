import { toBase64url } from '#lib/protocol/base64url.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { openKeptRecord, type KeptRecord } from '#lib/protocol/revocation.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { QuotaError } from '../errors.ts'
import {
  MAX_PROVIDER_RECORDS,
  MAX_PROVIDER_RECORDS_PER_KEY,
  MAX_PROVIDER_RECORDS_PER_PEER,
} from '../limits.ts'

/** The source of what this relay says of itself: no address. Such records are not counted. */
export const OWN_RECORD = ''

export interface ProviderRecordsComponents {
  clock: Pick<Clock, 'now'>
  random: Pick<Random, 'fraction'>
}

interface Held {
  bytes: Uint8Array
  expiresAtMs: number
  /** Where it came from: an address. */
  source: string
  /** A revocation, of which there is one a key. */
  revokes: boolean
}

/**
 * Who was named as having what, and what is given no more: under a key of its own, like anything else. In memory: whoever said
 * it says so again when the relay is back.
 *
 * Peer ids cost nothing, addresses do. So of too many for one content, the oldest of the address that named most goes: a
 * flood from one place crowds out itself.
 */
export class ProviderRecords {
  readonly #components: ProviderRecordsComponents
  /** By the key, then by the peer; what was put last stands last. */
  readonly #keys = new Map<string, Map<PeerIdString, Held>>()
  readonly #keysOf = new Map<PeerIdString, Set<string>>()
  #size = 0

  constructor(components: ProviderRecordsComponents) {
    this.#components = components
  }

  get size(): number {
    return this.#size
  }

  /** @throws QuotaError, and like `openKeptRecord` */
  async put(bytes: Uint8Array, source: string): Promise<KeptRecord> {
    const record = await openKeptRecord(bytes, this.#components.clock.now())
    const { peer, expiresAtMs, revokes } = record
    const key = toBase64url(record.key)
    this.remove(peer, record.key)
    const mayHave = source === OWN_RECORD ? Infinity : MAX_PROVIDER_RECORDS_PER_PEER
    if ((this.#keysOf.get(peer)?.size ?? 0) >= mayHave) {
      throw new QuotaError(`${MAX_PROVIDER_RECORDS_PER_PEER} contents of one peer, no more`)
    }
    const held = this.#keys.get(key) ?? new Map<PeerIdString, Held>()
    // What was put last is forgotten last, as a whole key.
    this.#keys.delete(key)
    this.#keys.set(key, held)
    held.set(peer, { bytes, expiresAtMs, source, revokes })
    const keys = this.#keysOf.get(peer) ?? new Set()
    this.#keysOf.set(peer, keys.add(key))
    this.#size += 1
    if (held.size > MAX_PROVIDER_RECORDS_PER_KEY) this.#drop(key, crowding(held))
    if (this.#size > MAX_PROVIDER_RECORDS) {
      const [oldest] = this.#keys
      if (oldest !== undefined) this.#drop(oldest[0], [...oldest[1].keys()][0]!)
    }
    return record
  }

  remove(peer: PeerIdString, key: Uint8Array): void {
    this.#drop(toBase64url(key), peer)
  }

  /** Whether anybody is known to have it. */
  has(key: Uint8Array): boolean {
    return this.#living(toBase64url(key)).length > 0
  }

  /** Whether what this is the key of is given no more. */
  revoked(key: Uint8Array): boolean {
    return this.#living(toBase64url(key)).some(({ revokes }) => revokes)
  }

  /** Any so many of them; a revocation and this relay's own before all. */
  some(key: Uint8Array, count: number): Uint8Array[] {
    const { random } = this.#components
    const living = this.#living(toBase64url(key))
    for (let last = living.length - 1; last > 0; last -= 1) {
      const other = Math.floor(random.fraction() * (last + 1))
      ;[living[last], living[other]] = [living[other]!, living[last]!]
    }
    return [...living.filter(isFirst), ...living.filter((held) => !isFirst(held))]
      .slice(0, count)
      .map(({ bytes }) => bytes)
  }

  /** Forgets what has expired. Gives the keys that nobody has any more. */
  sweep(): Uint8Array[] {
    const empty: Uint8Array[] = []
    for (const key of [...this.#keys.keys()]) {
      if (this.#living(key).length === 0) empty.push(Buffer.from(key, 'base64url'))
    }
    return empty
  }

  #living(key: string): Held[] {
    const nowMs = this.#components.clock.now()
    const held = this.#keys.get(key)
    for (const [peer, { expiresAtMs }] of held ?? []) {
      if (expiresAtMs <= nowMs) this.#drop(key, peer)
    }
    return [...(held?.values() ?? [])]
  }

  #drop(key: string, peer: PeerIdString): void {
    const held = this.#keys.get(key)
    if (held?.delete(peer) !== true) return
    this.#size -= 1
    if (held.size === 0) this.#keys.delete(key)
    const keys = this.#keysOf.get(peer)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysOf.delete(peer)
  }
}

/** This relay's own word and a revocation are never crowded out, and named before others. */
function isFirst({ source, revokes }: Held): boolean {
  return source === OWN_RECORD || revokes
}

/** The oldest of the address that named most. */
function crowding(held: ReadonlyMap<PeerIdString, Held>): PeerIdString {
  const counts = new Map<string, number>()
  const others = [...held].filter(([, each]) => !isFirst(each))
  for (const [, { source }] of others) counts.set(source, (counts.get(source) ?? 0) + 1)
  const most = Math.max(...counts.values())
  return others.find(([, { source }]) => counts.get(source) === most)![0]
}
