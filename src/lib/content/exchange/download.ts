import { TypedEventEmitter } from 'main-event'
import { StorageFullError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import { Bitfield } from '../bitfield.ts'
import type { Holding } from '../holding.ts'
import { aboutRange } from '../layout.ts'
import { MANIFEST_PART, numberOf, type Part } from '../parts.ts'
import { Picker } from './picker.ts'
import type { Refusal } from './protocol.ts'
import { MAX_AHEAD, type Ask, type Source } from './source.ts'

/** Parts asked for in all, and not yet given: 32 MiB. What is verified and written meanwhile comes on top. */
export const MAX_UNDER_WAY = 128

/** How long a source may owe everything it was asked for, or a word of whether it gives up a part. */
export const PATIENCE_MS = 10_000

/** How often patience is looked at. */
const LOOK_MS = 2_000

/** Sources asked for one part towards the end. */
const MAX_ASKERS = 2

/** Of the leaves that are missing at first, so many may come twice. */
const MAX_WASTE = 0.015

/** What came to nothing. */
export type DownloadProblem = 'storage-full' | 'damaged'

export interface DownloadEvents {
  /** Something of it came, or its sources changed. */
  changed: CustomEvent
  /** So many bytes came and are kept. */
  got: CustomEvent<number>
  /** This part is here from now on. */
  taken: CustomEvent<Part>
  /** All of it is here. */
  complete: CustomEvent
  /** It cannot go on; it has stopped. */
  failed: CustomEvent<DownloadProblem>
  /** A source does not give it. */
  refused: CustomEvent<{ peer: PeerIdString; reason: Refusal }>
  /** It is a source no more. */
  parted: CustomEvent<Source>
  /** This source gave something wrong, with this SHA-256. */
  lied: CustomEvent<{ peer: PeerIdString; part: Part; gave: Uint8Array<ArrayBuffer> }>
}

export interface DownloadComponents {
  clock: Clock
  random: Random
  log: Logger
}

/**
 * Gets what is missing of one content from everybody who has some of it: first what tells what it is made of, then its
 * description, then whatever the fewest have. A part is asked of one source; towards the end, when every part is asked
 * for, one that is much sooner done with it is asked as well, or instead (endgame).
 */
export class Download extends TypedEventEmitter<DownloadEvents> {
  readonly holding: Holding
  /** What came in vain, because it was here already. */
  readonly wasted = { leaves: 0, bytes: 0 }
  readonly #components: DownloadComponents
  readonly #sources = new Set<Source>()
  /** Everything asked for, and of whom. */
  readonly #asked = new Map<number, { part: Part; sources: Set<Source> }>()
  /** Leaves that are verified or written now. */
  readonly #arriving = new Set<number>()
  #picker: Picker | null = null
  /** The leaves that are here as far as sources were told apart by it: those of `holding` a moment later. */
  #here = new Bitfield(0)
  /** How many leaves may come twice. */
  #mayWasteLeaves = 0
  #cancelLook: (() => void) | null = null
  #running = false

  constructor(holding: Holding, components: DownloadComponents) {
    super()
    this.holding = holding
    this.#components = components
    this.#learn()
  }

  get sources(): ReadonlySet<Source> {
    return this.#sources
  }

  get running(): boolean {
    return this.#running
  }

  /** Asks from now on. Sources that were there are still there. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#look()
    this.#fillAll()
  }

  /** Asks no more, and expects nothing of what it asked for. */
  stop(): void {
    this.#running = false
    this.#cancelLook?.()
    this.#cancelLook = null
    for (const source of this.#sources) {
      for (const { part } of [...source.asked.values()]) source.drop(part)
    }
    for (const { part } of [...this.#asked.values()]) this.#reopen(part)
    this.#asked.clear()
  }

  /** The disk has lost a part that was here: it is got again. */
  lost(part: Part): void {
    if (part.kind === 'leaf' && this.#here.clear(part.index)) {
      for (const source of this.#sources) if (source.leaves.has(part.index)) source.useful += 1
    }
    for (const source of this.#sources) this.#interest(source)
    this.#reopen(part)
    this.#fillAll()
  }

  /** What is said of a source counts from here on until it is removed: a liar may go on talking. */
  add(source: Source): void {
    this.#sources.add(source)
    source.sinceMs = this.#components.clock.now()
    const { manifest } = this.holding
    if (manifest !== null) this.#gained(source, source.learn(manifest.leaves))
    this.#changed()
    this.#fill(source)
  }

  /** It is out of reach. */
  remove(source: Source): void {
    if (!this.#sources.delete(source)) return
    this.safeDispatchEvent('parted', { detail: source })
    this.#release(source)
    const picker = this.#picker
    if (picker !== null) {
      for (let leaf = 0; leaf < source.leaves.length; leaf += 1) {
        if (source.leaves.has(leaf)) picker.lost(leaf)
      }
    }
    this.#changed()
    this.#fillAll()
  }

  has(source: Source, page: number | null, bits: Uint8Array): void {
    if (!this.#sources.has(source)) return
    // It has more than before: maybe also what it lacked.
    source.mayHaveMore()
    this.#gained(source, source.has(page, bits))
    this.#fill(source)
  }

  gained(source: Source, leaves: readonly number[]): void {
    if (!this.#sources.has(source)) return
    this.#gained(
      source,
      leaves.filter((leaf) => source.gained(leaf)),
    )
    source.mayHaveMore()
    this.#fill(source)
  }

  suggested(source: Source, leaves: readonly number[]): void {
    if (!this.#sources.has(source)) return
    source.suggested.push(...leaves)
    source.suggested.splice(0, source.suggested.length - MAX_AHEAD)
  }

  lacks(source: Source, part: Part): void {
    if (!this.#sources.has(source)) return
    // Of lists it could name any number.
    if (part.kind === 'leaf' || source.awaits(part)) this.#lacks(source, part)
    if (source.answered(part) !== undefined) this.#unask(part, source)
    this.#fillAll()
  }

  /** It does not give these: we called them off, or it chokes us. */
  rejected(source: Source, parts: readonly Part[]): void {
    if (!this.#sources.has(source)) return
    const heirs = new Set<Source>()
    for (const part of parts) {
      const ask = source.answered(part)
      if (ask === undefined) continue
      if (ask.heir !== null) heirs.add(ask.heir)
      // Without a reason it would be asked again and again.
      const meant = ask.recalledAtMs !== null || (source.choked && part.kind === 'leaf')
      if (!meant) this.#lacks(source, part)
      this.#unask(part, source)
    }
    for (const heir of heirs) if (this.#sources.has(heir)) this.#fill(heir)
    this.#fillAll()
  }

  /** It gives to us from now on, or no longer: then it rejects what it was asked for. */
  choke(source: Source, choked: boolean): void {
    if (!this.#sources.has(source)) return
    if (source.choked !== choked) source.sinceMs = this.#components.clock.now()
    source.choked = choked
    if (choked) source.suggested.length = 0
    else this.#fill(source)
    this.#changed()
  }

  refused(source: Source, reason: Refusal): void {
    this.remove(source)
    this.safeDispatchEvent('refused', { detail: { peer: source.peer, reason } })
  }

  /** Verifies and keeps a part. Resolves once it is kept, or known to be of no use. */
  async arrived(source: Source, part: Part, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Under way when it was found to lie, or the download stopped.
    if (!this.#sources.has(source)) return
    const { clock } = this.#components
    const awaited = source.awaits(part)
    const ask = source.answered(part)
    // What nobody asked for is no answer, or a source could owe for ever.
    if (ask !== undefined) {
      source.heardAtMs = clock.now()
      source.slow = false
      source.pipeline.arrived(ask.atMs, clock.now(), bytes.byteLength)
    }
    const number = numberOf(part)
    if (this.holding.has(part) || this.#arriving.has(number)) {
      if (awaited) {
        this.wasted.leaves += Number(part.kind === 'leaf')
        this.wasted.bytes += bytes.byteLength
      }
      // An earlier download of the same, stopped since, has kept it, and nobody told this one.
      if (this.holding.has(part) && this.#asked.has(number)) this.#keep(part)
      else this.#unask(part, source)
      this.#fill(source)
      return
    }
    this.#arriving.add(number)
    // What comes next is asked for while this is looked at.
    this.#fill(source)
    try {
      const taken = await this.holding.take(part, bytes)
      this.#arriving.delete(number)
      if (taken === 'wrong') await this.#lied(source, part, bytes)
      else if (taken === 'damaged') this.#fail('damaged')
      else if (taken === 'unasked') this.#unask(part, source)
      else {
        // Known: it was kept like that while this was looked at.
        if (taken === 'taken') {
          source.bytes += bytes.byteLength
          this.safeDispatchEvent('got', { detail: bytes.byteLength })
        }
        this.#keep(part)
      }
    } catch (error) {
      this.#arriving.delete(number)
      this.#unask(part, source)
      if (!(error instanceof StorageFullError)) throw error
      this.#fail('storage-full')
    }
  }

  #keep(part: Part): void {
    const asked = this.#asked.get(numberOf(part))
    this.#asked.delete(numberOf(part))
    for (const source of asked?.sources ?? []) source.drop(part)
    if (part.kind === 'leaf') {
      this.#picker?.take(part.index)
      this.#here.set(part.index)
      for (const source of this.#sources) if (source.leaves.has(part.index)) source.useful -= 1
    }
    for (const source of this.#sources) this.#interest(source)
    if (part.kind === 'manifest') this.#learn()
    if (part.kind !== 'leaf') this.#openLeaves()
    this.safeDispatchEvent('taken', { detail: part })
    this.#changed()
    if (this.holding.complete) {
      this.stop()
      this.safeDispatchEvent('complete')
    } else this.#fillAll()
  }

  async #lied(source: Source, part: Part, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#unask(part, source)
    if (!this.#sources.has(source)) {
      // Found out before, by another part of it.
      this.#fillAll()
      return
    }
    this.#components.log.warn(`${source.peer} gave a wrong ${part.kind}`)
    this.remove(source)
    const gave = await this.holding.hash(bytes)
    this.safeDispatchEvent('lied', { detail: { peer: source.peer, part, gave } })
  }

  #fail(problem: DownloadProblem): void {
    if (!this.#running) return
    this.stop()
    this.safeDispatchEvent('failed', { detail: problem })
  }

  /** The manifest is here: leaves can be picked, as soon as what they must hash to is known. */
  #learn(): void {
    const { manifest } = this.holding
    if (manifest === null || this.#picker !== null) return
    this.#picker = new Picker(manifest.leaves, this.#components.random)
    const missing = manifest.leaves - this.holding.leaves.count
    this.#mayWasteLeaves = Math.floor(MAX_WASTE * missing)
    this.#here = new Bitfield(manifest.leaves)
    this.#here.merge(0, this.holding.leaves.slice(0, manifest.leaves))
    this.#openLeaves()
    for (const source of this.#sources) this.#gained(source, source.learn(manifest.leaves))
  }

  #openLeaves(): void {
    const { holding } = this
    for (let index = 0; index < holding.leaves.length; index += 1) {
      const part: Part = { kind: 'leaf', index }
      if (!holding.leaves.has(index) && holding.knows(part) && this.#isFree(part)) {
        this.#picker?.put(index)
      }
    }
  }

  /** A source has these as well. */
  #gained(source: Source, leaves: readonly number[]): void {
    for (const leaf of leaves) {
      this.#picker?.gained(leaf)
      if (!this.#here.has(leaf)) source.useful += 1
    }
    this.#interest(source)
  }

  #interest(source: Source): void {
    source.interest(source.useful > 0)
  }

  /** Who is slow comes last, and before that who left words unanswered: what they did not give others may have. */
  #fillAll(): void {
    const sources = [...this.#sources].sort(
      (a, b) => Number(a.slow) - Number(b.slow) || a.unanswered - b.unanswered,
    )
    for (const source of sources) this.#fill(source)
  }

  /** Asks a source for as much as it should be asked for. */
  #fill(source: Source): void {
    if (!this.#running) return
    const nowMs = this.#components.clock.now()
    const window = source.window(nowMs)
    const parts: Part[] = []
    while (source.asked.size + parts.length < window && this.#asked.size < MAX_UNDER_WAY) {
      const part = this.#next(source, nowMs)
      if (part === null) break
      const asked = this.#asked.get(numberOf(part)) ?? { part, sources: new Set() }
      asked.sources.add(source)
      this.#asked.set(numberOf(part), asked)
      parts.push(part)
    }
    if (parts.length > 0) source.ask(parts, nowMs)
  }

  #next(source: Source, nowMs: number): Part | null {
    const part = this.#nextOfTree(source)
    if (part !== null || source.choked) return part
    return this.#nextLeaf(source) ?? this.#endgame(source, nowMs)
  }

  /** What tells what the rest must hash to comes first. */
  #nextOfTree(source: Source): Part | null {
    const { manifest, lists } = this.holding
    if (manifest === null) {
      return this.#isFree(MANIFEST_PART) && source.mayHave(MANIFEST_PART) ? MANIFEST_PART : null
    }
    for (let index = 0; index < lists.length; index += 1) {
      const part: Part = { kind: 'list', index }
      if (!lists.has(index) && this.#isFree(part) && source.mayHave(part)) return part
    }
    return null
  }

  #nextLeaf(source: Source): Part | null {
    const { manifest, leaves } = this.holding
    if (manifest === null || this.#picker === null) return null
    const { first, count } = aboutRange(manifest)
    for (let index = first; index < first + count; index += 1) {
      const part: Part = { kind: 'leaf', index }
      if (leaves.has(index) || !source.leaves.has(index)) continue
      if (!this.holding.knows(part) || !this.#isFree(part)) continue
      this.#picker.take(index)
      return part
    }
    const index = this.#suggestion(source, this.#picker) ?? this.#picker.pick(source.leaves)
    return index === null ? null : { kind: 'leaf', index }
  }

  /** What it suggests is asked for as long as nothing is rarer. */
  #suggestion({ suggested, leaves }: Source, picker: Picker): number | null {
    for (let leaf = suggested.shift(); leaf !== undefined; leaf = suggested.shift()) {
      if (!leaves.has(leaf) || !picker.isOpen(leaf)) continue
      if (picker.sourcesOf(leaf) > (picker.rarest ?? 0)) continue
      picker.take(leaf)
      return leaf
    }
    return null
  }

  /**
   * When it has nothing that is not asked for: what another source will take more than twice as long for. Both are asked
   * as long as few parts come twice for it; else the other one is asked to give it up, which costs the time of a word.
   */
  #endgame(source: Source, nowMs: number): Part | null {
    if (this.#picker === null || this.#picker.open > 0) return null
    const oursMs = source.pipeline.expectedMs(source.asked.size + 1, nowMs)
    const slowest = this.#slowest(source, oursMs, nowMs)
    if (slowest === null) return null
    if (this.#mayWaste()) return slowest.part
    // The word of it comes back behind what the other has on its way.
    const wordMs = slowest.source.pipeline.latencyMs ?? 0
    if (slowest.leftMs <= 2 * (oursMs + wordMs)) return null
    if (source.asked.size + this.#inherits(source) < source.window(nowMs)) {
      slowest.source.recall(slowest.part, source, nowMs)
    }
    return null
  }

  /** How many parts this source is asked for as soon as another gives them up. */
  #inherits(heir: Source): number {
    let count = 0
    for (const source of this.#sources) {
      for (const ask of source.asked.values()) count += Number(ask.heir === heir)
    }
    return count
  }

  /** Whether a part may come twice, if all come twice that two were asked for. */
  #mayWaste(): boolean {
    let twice = this.wasted.leaves
    for (const { sources } of this.#asked.values()) if (sources.size > 1) twice += 1
    for (const { stray } of this.#sources) twice += stray
    return twice + 1 <= this.#mayWasteLeaves
  }

  /** What others will take longest for, of what this source would have in half the time. */
  #slowest(source: Source, oursMs: number, nowMs: number) {
    let slowest: { part: Part; source: Source; leftMs: number } | null = null
    for (const { part, sources } of this.#asked.values()) {
      if (sources.size >= MAX_ASKERS || sources.has(source)) continue
      if (part.kind !== 'leaf' || !source.leaves.has(part.index)) continue
      const [other] = sources
      const ask = other?.asked.get(numberOf(part))
      if (other === undefined || ask === undefined || ask.recalledAtMs !== null) continue
      const leftMs = leftFor(other, ask, nowMs)
      if (leftMs <= 2 * oursMs || leftMs <= (slowest?.leftMs ?? 0)) continue
      slowest = { part, source: other, leftMs }
    }
    return slowest
  }

  /** Neither asked for nor arriving. */
  #isFree(part: Part): boolean {
    return !this.#asked.has(numberOf(part)) && !this.#arriving.has(numberOf(part))
  }

  #lacks(source: Source, part: Part): void {
    if (!source.lacks(part)) return
    this.#picker?.lost(part.index)
    if (!this.#here.has(part.index)) source.useful -= 1
  }

  /** What this source was asked for may be asked of others. */
  #release(source: Source): void {
    for (const part of source.void()) this.#unask(part, source)
  }

  #unask(part: Part, source: Source): void {
    const asked = this.#asked.get(numberOf(part))
    if (asked !== undefined) {
      asked.sources.delete(source)
      if (asked.sources.size > 0) return
      this.#asked.delete(numberOf(part))
    }
    this.#reopen(part)
  }

  #reopen(part: Part): void {
    if (part.kind !== 'leaf' || this.holding.has(part) || this.#arriving.has(part.index)) return
    // It is opened with the list that tells of it.
    if (!this.holding.knows(part)) return
    this.#picker?.put(part.index)
  }

  /**
   * Who owes everything for too long is asked for one part at a time, and to give up what it owes: the first part last,
   * since a chunk that shares a slow line takes long. Who does not even answer that is not waited for.
   */
  #look(): void {
    const { clock } = this.#components
    const nowMs = clock.now()
    for (const source of this.#sources) {
      const owesMs = nowMs - source.heardAtMs
      const asks = [...source.asked.values()]
      if (asks.length > 0 && owesMs >= PATIENCE_MS) {
        source.slow = true
        const most = owesMs < 2 * PATIENCE_MS ? asks.slice(1) : asks
        for (const { part } of most) source.recall(part, null, nowMs)
      }
      for (const { part, recalledAtMs } of asks) {
        if (recalledAtMs === null || nowMs - recalledAtMs < PATIENCE_MS) continue
        source.unanswered += 1
        source.drop(part)
        this.#unask(part, source)
      }
    }
    this.#fillAll()
    this.#cancelLook = clock.after(LOOK_MS, () => {
      this.#look()
    })
  }

  #changed(): void {
    this.safeDispatchEvent('changed')
  }
}

/** How long one that was asked will still take. */
function leftFor(source: Source, ask: Ask, nowMs: number): number {
  const ahead = [...source.asked.values()].filter(({ atMs }) => atMs <= ask.atMs).length
  // The longer it is overdue, the longer it will probably take.
  return Math.max(source.pipeline.expectedMs(ahead, nowMs), nowMs - ask.atMs)
}
