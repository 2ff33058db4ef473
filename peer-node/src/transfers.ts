import { resolve } from 'node:path'
import type { NetworkApi } from '#lib/features/network/api.ts'
import {
  isFolder,
  type Transfer,
  type TransferId,
  type TransfersApi,
} from '#lib/features/transfers/api.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import { first } from './first.ts'
import { pageOrigin } from './page-origin.ts'
import type { Event, TransferEvent } from './protocol.ts'
import { saveFiles, type SaveInit } from './saved-files.ts'

export interface TransfersComponents {
  transfers: Pick<TransfersApi, 'watchTransfers' | 'watchTransfer' | 'read'>
  network: Pick<NetworkApi, 'watchSelf' | 'watchRelays'>
  tell: (event: Event) => void
}

/** Tells what is shared and got, and writes into folders what is all here. */
export class Transfers {
  readonly #components: TransfersComponents
  readonly #signal: AbortSignal

  /** @param signal ends it all */
  constructor(components: TransfersComponents, signal: AbortSignal) {
    this.#components = components
    this.#signal = signal
  }

  /** Tells each at the start, and what changes. Links name relays, so it begins when one answered or none did. */
  async run(): Promise<void> {
    const { network, transfers } = this.#components
    const signal = this.#signal
    for await (const { state } of network.watchSelf({ signal })) if (state !== 'starting') break
    let told = new Map<TransferId, string>()
    for await (const list of transfers.watchTransfers({ signal })) {
      const now = new Map(list.map((transfer) => [transfer.id, lookOf(transfer)]))
      for (const transfer of list) {
        if (now.get(transfer.id) !== told.get(transfer.id)) await this.#tell(transfer)
      }
      told = now
    }
  }

  /** Tells each as it is now. */
  async tellAll(): Promise<void> {
    for (const transfer of await first(this.#components.transfers.watchTransfers())) {
      await this.#tell(transfer)
    }
  }

  /** Writes it once all of it is here, and tells how that went. Nothing is told of what was taken out before. */
  async save(id: TransferId, init: SaveInit): Promise<void> {
    const { transfers, tell } = this.#components
    const signal = this.#signal
    const folder = resolve(init.folder)
    try {
      for await (const details of transfers.watchTransfer(id, { signal })) {
        if (details === null) return
        if (details.completeAtMs === null) continue
        const files = details.list.map((entry, index) => ({
          path: entry.path,
          read: isFolder(entry) ? null : () => transfers.read(id, index, { signal }),
        }))
        await saveFiles(files, { ...init, folder })
        const count = files.filter(({ read }) => read !== null).length
        tell({ type: 'saved', transfer: id, into: folder, files: count })
        return
      }
    } catch (error) {
      if (!(error instanceof StarlingError)) throw error
      tell({ type: 'error', transfer: id, name: error.name, message: error.message })
    }
  }

  async #tell({ id, ...transfer }: Transfer): Promise<void> {
    const { network, tell } = this.#components
    const details = await first(this.#components.transfers.watchTransfer(id))
    // It was taken out a moment ago.
    if (details === null) return
    const link = details.link === null ? null : `${await pageOrigin(network)}#/get/${details.link}`
    const { role, name, files, bytes, state, problem, sources, readers } = transfer
    const { verifiedBytes, givenBytes, bytesPerSecond } = transfer
    const event: TransferEvent = {
      transfer: id,
      role,
      name,
      files,
      bytes,
      state,
      problem,
      verifiedBytes,
      givenBytes,
      bytesPerSecond,
      sources,
      readers,
      link,
    }
    tell({ type: 'transfer', ...event })
  }
}

/** What is told when it is another: speeds alone change all the time. */
function lookOf({
  state,
  problem,
  name,
  bytes,
  verifiedBytes,
  sources,
  readers,
  completeAtMs,
}: Transfer): string {
  const hundredths = bytes === null || bytes === 0 ? 0 : Math.floor((100 * verifiedBytes) / bytes)
  // Its link comes when it is complete; that may be after it has expired.
  const complete = completeAtMs !== null
  return JSON.stringify([state, problem, name, hundredths, sources, readers, complete])
}
