import { cmp, Dexie, RangeSet, type ObservabilitySet } from 'dexie'
import type { MessageRow, StarlingDatabase } from '../../db/schema.ts'
import { fold } from '../../protocol/fold.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'

/** Folded text kept in memory, in UTF-16 units, so at most 32 MB: about 150,000 messages. Older ones are read each time. */
export const MAX_INDEXED_UNITS = 16 * 1024 * 1024

/** After the start, other work comes first, unless somebody searches. */
export const INDEX_AFTER_MS = 2_000

/** Messages read at a time; other work gets its turn in between. */
const BATCH = 200

/** What a message is found by, folded: its words, and what its file is called. */
function searchable({ text, attachment }: MessageRow): string {
  // The device gave a recording its name.
  const name = attachment === undefined || attachment.kind === 'voice' ? '' : attachment.name
  return fold(name === '' ? text : `${name}\n${text}`)
}

/** Where a message stands in the order of searches. */
type Place = Pick<MessageRow, 'sentAtMs' | 'id'>

interface Entry extends Place {
  folded: string
}

export interface SearchIndexComponents {
  db: Pick<StarlingDatabase, 'messages' | 'name'>
  clock: Clock
  logger: Logger
}

/**
 * Finds messages by their words and the names of their files without opening every sealed row: the folded texts of the newest are in memory. What is
 * not, because it has not been read yet or is too old, is looked through in the database. It follows what is written,
 * edited and deleted, and is gone with the host.
 */
export class SearchIndex implements Startable {
  readonly #components: SearchIndexComponents
  readonly #maxUnits: number
  /** Oldest first. */
  #entries: Entry[] = []
  #units = 0
  /** The oldest message in memory, with all that are newer; null when none is. */
  #oldest: Place | null = null
  /** Nothing is older than that. */
  #complete = false
  /** What is in memory changes a step at a time: what was read is taken in before anything else is. */
  readonly #turns = new Turns<'entries'>()
  /** Written since it was looked at. */
  #changed = new Set<MessageRow['id']>()
  #life: AbortController | null = null
  #building = Promise.resolve()
  /** Begins to read into memory, if that has not begun; null while stopped. */
  #begin: (() => void) | null = null

  constructor(components: SearchIndexComponents, maxUnits = MAX_INDEXED_UNITS) {
    this.#components = components
    this.#maxUnits = maxUnits
  }

  start(): void {
    if (this.#life !== null) return
    const { clock, db, logger } = this.#components
    this.#life = new AbortController()
    const { signal } = this.#life
    const onMutated = (parts: ObservabilitySet): void => {
      const keys = parts[`idb://${db.name}/messages/`]
      if (keys === undefined) return
      // No range of messages is ever deleted without naming each.
      for (const { from } of RangeSet(keys)) this.#changed.add(from as MessageRow['id'])
    }
    Dexie.on('storagemutated', onMutated)
    const { promise: idle, resolve } = Promise.withResolvers<undefined>()
    const begin = (): void => {
      resolve(undefined)
    }
    this.#begin = begin
    const cancel = clock.after(INDEX_AFTER_MS, begin)
    signal.addEventListener('abort', () => {
      Dexie.on.storagemutated.unsubscribe(onMutated)
      cancel()
      begin()
    })
    this.#building = idle
      .then(() => (signal.aborted ? undefined : this.#build(signal)))
      .catch((error: unknown) => {
        if (!signal.aborted) logger.error('messages cannot be read for the search', error)
      })
  }

  /** Resolves once reading into memory has ended, well or not. */
  built(): Promise<void> {
    return this.#building
  }

  stop(): void {
    this.#life?.abort()
    this.#life = null
    this.#begin = null
    this.#entries = []
    this.#units = 0
    this.#oldest = null
    this.#complete = false
    this.#changed.clear()
  }

  /** Messages with these words, newest first. Who searches once will search again. @param wanted folded */
  async search(wanted: string, limit: number, options?: AbortOptions): Promise<MessageRow[]> {
    this.#begin?.()
    await this.#turns.run('entries', () => this.#follow())
    options?.signal?.throwIfAborted()
    // As they are now, together: more is read into memory while this reads on.
    let before = this.#oldest
    const complete = this.#complete
    const ids: MessageRow['id'][] = []
    for (let at = this.#entries.length - 1; at >= 0 && ids.length < limit; at -= 1) {
      const { id, folded } = this.#entries[at]!
      if (folded.includes(wanted)) ids.push(id)
    }
    const found = (await this.#components.db.messages.bulkGet(ids)).filter(
      (row) => row !== undefined,
    )
    while (!complete && found.length < limit) {
      const rows = await this.#before(before)
      options?.signal?.throwIfAborted()
      found.push(...rows.filter((row) => searchable(row).includes(wanted)))
      before = rows.at(-1) ?? null
      if (before === null) break
    }
    return found.slice(0, limit)
  }

  async #build(signal: AbortSignal): Promise<void> {
    let goesOn = true
    while (goesOn) goesOn = await this.#turns.run('entries', () => this.#readOn(signal))
  }

  /** @returns whether there is more to read, and room for it */
  async #readOn(signal: AbortSignal): Promise<boolean> {
    const rows = await this.#before(this.#oldest)
    if (signal.aborted) return false
    this.#complete = rows.length === 0
    if (this.#complete) return false
    const entries = rows.map(entryOf).reverse()
    this.#units += unitsOf(entries)
    this.#entries = [...entries, ...this.#entries]
    this.#oldest = entries[0]!
    return this.#units < this.#maxUnits
  }

  /** Takes in what was written since it was last asked. */
  async #follow(): Promise<void> {
    if (this.#changed.size === 0) return
    const changed = this.#changed
    this.#changed = new Set()
    let rows: (MessageRow | undefined)[]
    try {
      rows = await this.#components.db.messages.bulkGet([...changed])
    } catch (error) {
      for (const id of changed) this.#changed.add(id)
      throw error
    }
    if (this.#life === null) return
    const entries = rows
      .filter((row) => row !== undefined && this.#reaches(row))
      .map((row) => entryOf(row!))
    this.#entries = [...this.#entries.filter(({ id }) => !changed.has(id)), ...entries]
    this.#entries.sort(order)
    this.#units = unitsOf(this.#entries)
    while (this.#units > this.#maxUnits) {
      this.#units -= this.#entries.shift()!.folded.length
      this.#oldest = this.#entries[0] ?? null
      this.#complete = false
    }
  }

  /** Whether what stands there belongs into memory. */
  #reaches(place: Place): boolean {
    return this.#complete || (this.#oldest !== null && order(place, this.#oldest) >= 0)
  }

  /** The next older ones, newest first. */
  #before(place: Place | null): PromiseLike<MessageRow[]> {
    const end = place === null ? [Dexie.maxKey, Dexie.maxKey] : [place.sentAtMs, place.id]
    return this.#components.db.messages
      .where('[sentAtMs+id]')
      .between([Dexie.minKey, Dexie.minKey], end, true, false)
      .reverse()
      .limit(BATCH)
      .toArray()
  }
}

function entryOf(row: MessageRow): Entry {
  return { sentAtMs: row.sentAtMs, id: row.id, folded: searchable(row) }
}

function unitsOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { folded }) => sum + folded.length, 0)
}

function order(a: Place, b: Place): number {
  return a.sentAtMs - b.sentAtMs || cmp(a.id, b.id)
}
