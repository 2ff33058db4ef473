/** Transfers as a tab is shown them. */
import type { Exchange } from '../../content/exchange/exchange.ts'
import type { Source } from '../../content/exchange/source.ts'
import type { LinkInfo } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type {
  EnclosedTransfer,
  Transfer,
  TransferCopy,
  TransferDetails,
  TransferPeer,
} from './api.ts'
import type { LiveTransfer } from './transfer.ts'

/** How long nobody may give anything before it is said, ms: turns change in less. */
const TURN_MS = 3_000

/** How long one that was asked may give nothing before it is said, ms: a chunk over a slow line takes as long. */
export const STALL_MS = 5_000

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
  const reading = row.role === 'sharing' && row.completeAtMs === null
  const down = reading
    ? transfer.readSpeed.bytesPerSecond(nowMs)
    : sources.reduce((sum, { pipeline }) => sum + pipeline.bytesPerSecond(nowMs), 0)
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
    awaitsTurn: awaitsTurn(sources, nowMs),
    readers: readers.length,
    addedAtMs: row.addedAtMs,
    completeAtMs: row.completeAtMs,
    expiresAtMs: transfer.expiresAtMs,
    hasPassword: row.lock !== null,
    downloadLimit: row.downloadLimit,
    takers: row.takers.length,
    served: row.servedTo.length,
    rank: row.rank,
    stays: !transfer.spare,
    saved: row.savedAtMs !== null,
    passedOn: passedOn(transfer),
    copy,
    awaitedBy: row.awaited?.by ?? [],
  }
}

/** What goes with something else, and who gets it. */
export function enclosedOf(transfer: LiveTransfer, view: ViewComponents): EnclosedTransfer {
  return { ...summaryOf(transfer, view), peers: peersOf(transfer, view) }
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
  for (const source of download?.sources ?? []) {
    const { peer, path, pipeline, leaves: has } = source
    peers.set(peer, {
      peer,
      ...whoIs(peer, path, names, links),
      share: leaves === 0 ? 0 : has.count / leaves,
      given: 0,
      msLeft: null,
      bytesPerSecond: { down: pipeline.bytesPerSecond(nowMs), up: 0 },
      latencyMs: latencyOf(peer, path, links),
      stalledForMs: stalledForMs(source, nowMs),
      banned: exchange.isBanned(peer),
    })
  }
  for (const reader of content === null ? [] : exchange.readers(content)) {
    const { peer, path, speed, leaves: has } = reader
    const known = peers.get(peer)
    const whole = holding?.manifest?.bytes ?? Infinity
    peers.set(peer, {
      peer,
      ...whoIs(peer, path, names, links),
      share: known?.share ?? (has === null ? null : has.count / has.length),
      given: Math.min(1, (transfer.givenTo.get(peer) ?? 0) / whole),
      msLeft: reader.msLeft(nowMs),
      bytesPerSecond: {
        down: known?.bytesPerSecond.down ?? 0,
        up: speed.bytesPerSecond(nowMs),
      },
      latencyMs: latencyOf(peer, path, links),
      stalledForMs: known?.stalledForMs ?? null,
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
      stalledForMs: null,
      banned: true,
      ...peers.get(peer),
    })
  }
  return [...peers.values()]
}

/** How long it owes what it was asked for; null while that is as long as it may take. */
function stalledForMs({ asked, heardAtMs }: Source, nowMs: number): number | null {
  const owesMs = nowMs - heardAtMs
  return asked.size > 0 && owesMs >= STALL_MS ? owesMs : null
}

/** Whether all who have something that is missing have given nothing for a while. */
function awaitsTurn(sources: readonly Source[], nowMs: number): boolean {
  const useful = sources.filter((source) => source.useful > 0)
  const choked = ({ choked, sinceMs }: Source) => choked && nowMs - sinceMs >= TURN_MS
  return useful.length > 0 && useful.every(choked)
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
