/** Transfers as a tab is shown them. */
import { CHUNK_BYTES } from '../../content/manifest.ts'
import type { Exchange } from '../../content/exchange/exchange.ts'
import type { LinkInfo } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Transfer, TransferCopy, TransferDetails, TransferPeer } from './api.ts'
import type { LiveTransfer } from './transfer.ts'

/** Parts of the map of pieces. */
const MAP_PARTS = 256

export interface ViewComponents {
  nowMs: number
  /** A contact's name; null for others. */
  names: (peer: PeerIdString) => string | null
  links: readonly Pick<LinkInfo, 'peer' | 'relay' | 'path' | 'latencyMs'>[]
  exchange: Pick<Exchange, 'readers' | 'isBanned' | 'reputation'>
  passedOn: (transfer: LiveTransfer) => boolean
  /** Null when no copy is to be kept. */
  copyOf: (transfer: LiveTransfer) => TransferCopy | null
}

/** One row of the list. */
export function summaryOf(
  transfer: LiveTransfer,
  { nowMs, exchange, passedOn, copyOf }: ViewComponents,
): Transfer {
  const { row, content, download, verifiedBytes } = transfer
  const sources = [...(download?.sources ?? [])]
  const down = sources.reduce((sum, { pipeline }) => sum + pipeline.bytesPerSecond(nowMs), 0)
  const copy = copyOf(transfer)
  const readers = content === null ? [] : exchange.readers(content)
  const up = readers.reduce((sum, { speed }) => sum + speed.bytesPerSecond(nowMs), 0)
  const left = row.bytes === null ? null : row.bytes - verifiedBytes
  return {
    id: row.id,
    role: row.role,
    name: row.name,
    files: row.files,
    bytes: row.bytes,
    state: transfer.state(nowMs),
    problem: transfer.problem(nowMs),
    verifiedBytes,
    givenBytes: row.givenBytes,
    bytesPerSecond: { down, up },
    msLeft: left !== null && left > 0 && down > 0 ? (left * 1_000) / down : null,
    sources: sources.length,
    readers: readers.length,
    addedAtMs: row.addedAtMs,
    completeAtMs: row.completeAtMs,
    expiresAtMs: transfer.expiresAtMs,
    hasPassword: row.lock !== null,
    downloadLimit: row.downloadLimit,
    takers: row.takers.length,
    rank: row.rank,
    stays: !transfer.spare,
    saved: row.savedAtMs !== null,
    passedOn: passedOn(transfer),
    copy,
    awaitedBy: row.awaited?.by ?? [],
  }
}

/** One transfer, opened. */
export function detailsOf(
  transfer: LiveTransfer,
  view: ViewComponents,
  link: string | null,
): TransferDetails {
  const about = transfer.opened?.about
  return {
    ...summaryOf(transfer, view),
    description: about?.description ?? '',
    creator: about?.creator ?? null,
    list: about?.files ?? [],
    peers: peersOf(transfer, view),
    speeds: transfer.traffic.speeds(view.nowMs),
    pieces: piecesOf(transfer),
    link,
  }
}

function peersOf(transfer: LiveTransfer, view: ViewComponents): TransferPeer[] {
  const { download, content, holding } = transfer
  const { nowMs, names, links, exchange } = view
  const peers = new Map<PeerIdString, TransferPeer>()
  const leaves = holding?.leaves.length ?? 0
  for (const { peer, path, pipeline, leaves: has } of download?.sources ?? []) {
    peers.set(peer, {
      peer,
      ...whoIs(peer, path, names, links),
      share: leaves === 0 ? 0 : has.count / leaves,
      given: 0,
      msLeft: null,
      bytesPerSecond: { down: pipeline.bytesPerSecond(nowMs), up: 0 },
      latencyMs: latencyOf(peer, path, links),
      banned: exchange.isBanned(peer),
    })
  }
  for (const { peer, path, speed, givenLeaves } of content === null
    ? []
    : exchange.readers(content)) {
    const known = peers.get(peer)
    const given = leaves === 0 ? 0 : Math.min(1, givenLeaves / leaves)
    const up = speed.bytesPerSecond(nowMs)
    const left = (1 - given) * leaves * CHUNK_BYTES
    peers.set(peer, {
      peer,
      ...whoIs(peer, path, names, links),
      share: known?.share ?? null,
      given,
      // Who has some of it from others as well is through sooner than can be known here.
      msLeft: known === undefined && left > 0 && up > 0 ? (left * 1_000) / up : null,
      bytesPerSecond: { down: known?.bytesPerSecond.down ?? 0, up },
      latencyMs: latencyOf(peer, path, links),
      banned: exchange.isBanned(peer),
    })
  }
  for (const peer of liarsOf(transfer, view)) {
    const path = links.find((link) => link.peer === peer)?.path ?? 'relayed'
    peers.set(peer, {
      peer,
      ...whoIs(peer, path, names, links),
      share: null,
      given: 0,
      msLeft: null,
      bytesPerSecond: { down: 0, up: 0 },
      latencyMs: null,
      banned: true,
      ...peers.get(peer),
    })
  }
  return [...peers.values()]
}

/** While it is got: who is not asked for it, because they gave something wrong of it, or earlier of something else. */
function liarsOf(
  { row, content }: LiveTransfer,
  { exchange }: ViewComponents,
): readonly PeerIdString[] {
  if (content === null || row.from === null || row.completeAtMs !== null) return []
  const named = row.from.peers.filter((peer) => exchange.isBanned(peer))
  return [...named, ...exchange.reputation.liarsOf(content)]
}

/** A relay that has some of it has a copy, and goes by its host. */
function whoIs(
  peer: PeerIdString,
  path: 'direct' | 'relayed',
  names: ViewComponents['names'],
  links: ViewComponents['links'],
): Pick<TransferPeer, 'name' | 'path'> {
  const relay = links.find((link) => link.peer === peer)?.relay ?? null
  return relay === null ? { name: names(peer), path } : { name: relay, path: 'kept-copy' }
}

function latencyOf(
  peer: PeerIdString,
  path: 'direct' | 'relayed',
  links: ViewComponents['links'],
): number | null {
  return links.find((link) => link.peer === peer && link.path === path)?.latencyMs ?? null
}

/** How much of each part of the leaves is here. */
function piecesOf({ holding, row }: LiveTransfer): number[] {
  const leaves = holding?.leaves
  if (leaves === undefined || leaves.length === 0) return []
  const parts = Math.min(MAP_PARTS, leaves.length)
  if (row.completeAtMs !== null) return new Array<number>(parts).fill(1)
  return Array.from({ length: parts }, (_, part) => {
    const first = Math.floor((part * leaves.length) / parts)
    const next = Math.floor(((part + 1) * leaves.length) / parts)
    return leaves.countIn(first, next - first) / (next - first)
  })
}
