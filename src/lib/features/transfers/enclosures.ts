import { parseContentId } from '../../content/content-id.ts'
import { StorageFullError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { Awaited } from './awaited.ts'
import type {
  ChosenFile,
  Enclosed,
  EnclosedTransfer,
  EncloseOptions,
  Enclosures,
  Holder,
  TransfersApi,
} from './api.ts'
import { NotCompleteError, NothingToShareError } from './errors.ts'
import type { Roster } from './roster.ts'
import type { Sharing } from './sharing.ts'
import { newRow, type LiveTransfer } from './transfer.ts'

/** Relays at which who has it is met, and asked for copies. */
const MAX_RELAYS = 4

export interface EnclosuresComponents {
  roster: Roster
  sharing: Sharing
  awaited: Awaited
  transfers: Pick<TransfersApi, 'pause' | 'resume' | 'remove' | 'read'>
  /** States of one transfer, each that differs from the one before. */
  watch: (
    find: () => LiveTransfer | undefined,
    options?: AbortOptions,
  ) => AsyncIterable<EnclosedTransfer | null>
  clock: Clock
  random: Random
}

/** Transfers that go with something else: kept apart from the list, and known by their content. */
export class ContentEnclosures implements Enclosures {
  readonly #components: EnclosuresComponents

  constructor(components: EnclosuresComponents) {
    this.#components = components
  }

  async enclose(file: ChosenFile, { signal, onRead }: EncloseOptions = {}): Promise<Enclosed> {
    const { roster, sharing, transfers } = this.#components
    const transfer = await sharing.enclose(file, signal)
    const { id, key } = transfer.row
    await new Promise<void>((resolve) => {
      const look = (): void => {
        const { completeAtMs, problem } = transfer.row
        onRead?.(transfer.readBytes)
        if (completeAtMs === null && problem === null && roster.has(transfer)) return
        deafen()
        resolve()
      }
      const deafen = roster.listen(look)
      look()
    })
    const { content, problem } = transfer.row
    if (problem === null && content !== null) return { content, key }
    await transfers.remove(id)
    if (problem === 'storage-full') throw new StorageFullError('no room for the file')
    throw new NothingToShareError('the file cannot be read')
  }

  async sent(content: string, to: PeerIdString): Promise<void> {
    await this.#components.roster.load()
    const transfer = this.#find(content)
    if (transfer !== undefined) await this.#components.awaited.by(transfer, to)
  }

  async fetch({ content, key }: Enclosed, from: Holder | null): Promise<void> {
    const { roster, transfers, random, clock } = this.#components
    await roster.load()
    const known = this.#find(content)
    const transfer =
      known ??
      (await roster.add({
        ...newRow('getting', Uint8Array.from(key), random, clock.now()),
        enclosed: true,
        content: parseContentId(content),
        from: { peers: [], relays: [] },
        // Somebody looks at the message: it does not wait behind whole libraries.
        rank: 0,
      }))
    await transfer.find()
    const peers = transfer.row.from?.peers ?? []
    if (from !== null && !peers.includes(from.peer)) {
      await transfers.pause(transfer.row.id)
      const relays = new Set([...from.relays, ...(transfer.row.from?.relays ?? [])])
      await roster.change(transfer, {
        from: { peers: [...peers, from.peer], relays: [...relays].slice(0, MAX_RELAYS) },
      })
    }
    await transfers.resume(transfer.row.id)
  }

  async pause(content: string): Promise<void> {
    await this.#components.roster.load()
    const transfer = this.#find(content)
    if (transfer?.row.role === 'getting') await this.#components.transfers.pause(transfer.row.id)
  }

  async *watch(content: string, options?: AbortOptions): AsyncIterable<EnclosedTransfer | null> {
    await this.#components.roster.load()
    yield* this.#components.watch(() => this.#find(content), options)
  }

  async *read(content: string, options?: AbortOptions): AsyncIterable<Uint8Array<ArrayBuffer>> {
    await this.#components.roster.load()
    const transfer = this.#find(content)
    if (transfer === undefined) throw new NotCompleteError('not here')
    yield* this.#components.transfers.read(transfer.row.id, 0, options)
  }

  async dropUnless(wanted: (content: string) => Promise<boolean>): Promise<void> {
    const { roster, transfers } = this.#components
    await roster.load()
    for (const { row } of roster.all) {
      if (row.enclosed !== true) continue
      // What is taken in is not known by its content yet; what was, when the host ended, never will be.
      const reading = row.role === 'sharing' && row.content === null && row.problem === null
      if (reading || (row.content !== null && (await wanted(row.content)))) continue
      await transfers.remove(row.id)
    }
  }

  #find(content: string): LiveTransfer | undefined {
    return this.#components.roster.all.find((transfer) => transfer.content === content)
  }
}
