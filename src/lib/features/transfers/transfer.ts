import { chunkCipher } from '../../content/chunk-cipher.ts'
import { parseContentId, sha256, type ContentId } from '../../content/content-id.ts'
import { NotHereError } from '../../content/errors.ts'
import type { Download } from '../../content/exchange/download.ts'
import { SpeedMeter } from '../../content/exchange/speed-meter.ts'
import { Holding } from '../../content/holding.ts'
import { OpenedContent } from '../../content/opened-content.ts'
import type { Seeker } from '../../content/providers/seeker.ts'
import { SealingPartStore } from '../../content/store/sealing-part-store.ts'
import type { PartStore, Shelf } from '../../content/store/part-store.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import { StarlingError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Random } from '../../protocol/seams.ts'
import { MAX_UNASKED_BYTES, type TransferProblem, type TransferState } from './api.ts'
import { Traffic } from './traffic.ts'
import type { TransferRow } from './store.ts'

const ID_BYTES = 16

/** A transfer of which nothing is known but what opens it. */
export function newRow(
  role: TransferRow['role'],
  key: TransferRow['key'],
  random: Random,
  nowMs: number,
): TransferRow {
  return {
    id: toBase64url(random.bytes(ID_BYTES)),
    role,
    shelf: toBase64url(random.bytes(ID_BYTES)),
    content: null,
    key,
    lock: null,
    from: null,
    name: null,
    files: null,
    bytes: null,
    addedAtMs: nowMs,
    completeAtMs: null,
    paused: false,
    agreed: role === 'sharing',
    passOn: null,
    problem: null,
    expiresAtMs: null,
    downloadLimit: null,
    takers: [],
    servedTo: [],
    givenBytes: 0,
    plain: role === 'sharing',
    kept: false,
    savedAtMs: null,
    usedAtMs: nowMs,
    freed: false,
    rank: nowMs,
    copyUntilMs: null,
    awaited: null,
  }
}

/** One transfer while the host runs: what is remembered of it, and what goes on. */
export class LiveTransfer {
  row: TransferRow
  /** What of it is here; null while that is not known. */
  holding: Holding | null = null
  /** What it says of itself; null until that is here. */
  opened: OpenedContent | null = null
  /** Null while nothing is got. */
  download: Download | null = null
  /** Looks for others who have it, while it is got. */
  seeker: Seeker | null = null
  /** Ends the reading of files. */
  readonly reading = new AbortController()
  readBytes = 0
  readonly readSpeed = new SpeedMeter()
  readonly traffic = new Traffic()
  /** Bytes of its leaves that each was given since the host began, the first who came first. */
  readonly givenTo = new Map<PeerIdString, number>()
  /** How many times it is read out now. */
  readings = 0
  /** It waits for its turn. */
  queued = false
  readonly #parts: PartStore
  readonly #lost: () => void
  #found: Promise<void> | null = null

  /**
   * @param parts where its parts lie
   * @param lost called when not all of it is here that was
   */
  constructor(row: TransferRow, parts: PartStore, lost: () => void) {
    this.row = row
    this.#parts = parts
    this.#lost = lost
  }

  get content(): ContentId | null {
    return this.row.content === null ? null : parseContentId(this.row.content)
  }

  get shelf(): Shelf {
    return this.row.shelf as Shelf
  }

  /** Whether it is here to be given on only: the person has it elsewhere, and did not ask to keep it. */
  get spare(): boolean {
    const { role, completeAtMs, savedAtMs, kept } = this.row
    return role === 'getting' && completeAtMs !== null && savedAtMs !== null && !kept
  }

  /** Finds what of it is here, unless that is known. Of what is complete nobody asks before it is needed. */
  async find(): Promise<void> {
    const { content } = this
    if (content === null) return
    this.#found ??= this.#find(content)
    try {
      await this.#found
    } catch (error) {
      this.#found = null
      throw error
    }
  }

  /** It is not here any more. */
  forget(): void {
    this.#found = null
    this.holding = null
    this.opened = null
  }

  /** What takes and gives its leaves. */
  async store(): Promise<PartStore> {
    const { plain, key } = this.row
    const store = this.#parts
    return plain ? new SealingPartStore({ store, sha256, cipher: await chunkCipher(key) }) : store
  }

  /** Reads what it says of itself, once that is here. Gives what is wrong with it; null when nothing is. */
  async open(): Promise<TransferProblem | null> {
    if (this.opened !== null || this.holding === null) return null
    try {
      this.opened = await OpenedContent.open(this.holding, await chunkCipher(this.row.key))
      return null
    } catch (error) {
      if (error instanceof NotHereError) return null
      if (error instanceof StarlingError) return 'damaged'
      throw error
    }
  }

  async #find(content: ContentId): Promise<void> {
    const store = await this.store()
    const holding = await Holding.open(content, this.shelf, {
      store,
      sha256,
      lost: (part) => {
        // What was taken out meanwhile is not missed.
        if (this.holding !== holding) return
        this.download?.lost(part)
        this.#lost()
      },
    })
    this.holding = holding
    if (this.row.completeAtMs !== null && !holding.complete) this.#lost()
    await this.open()
  }

  /** What is missing of it is to be got. */
  get wanted(): boolean {
    const { role, paused, completeAtMs, problem } = this.row
    const open = !paused && completeAtMs === null && problem === null
    return role === 'getting' && open && !this.offered
  }

  /** It is so large that the person is asked first, and they were not yet. */
  get offered(): boolean {
    const { agreed, bytes } = this.row
    return !agreed && bytes !== null && bytes > MAX_UNASKED_BYTES
  }

  state(nowMs: number): TransferState {
    const { role, paused, completeAtMs, problem } = this.row
    if (role === 'sharing') {
      if (problem === 'revoked' || this.problem(nowMs) === 'expired') return 'ended'
      if (problem !== null) return problem === 'limit-reached' ? 'ended' : 'failed'
      if (completeAtMs === null) return 'reading'
      return paused ? 'paused' : 'shared'
    }
    if (completeAtMs !== null) return 'complete'
    if (problem !== null) return 'failed'
    if (this.offered) return 'offered'
    if (paused) return this.row.freed ? 'freed' : 'paused'
    if (this.queued) return 'queued'
    if (this.holding?.manifest == null) return 'looking'
    return (this.download?.sources.size ?? 0) > 0 ? 'getting' : 'waiting'
  }

  /** Why it came to its end. */
  problem(nowMs: number): TransferProblem | null {
    const { problem } = this.row
    return problem ?? (this.hasExpired(nowMs) ? 'expired' : null)
  }

  /** Nobody is given it from then on; null: no end, or none known yet. */
  get expiresAtMs(): number | null {
    return this.row.expiresAtMs ?? this.opened?.about.expiresAtMs ?? null
  }

  hasExpired(nowMs: number): boolean {
    return this.expiresAtMs !== null && nowMs >= this.expiresAtMs
  }

  /** Of the files, here and verified, or taken in. */
  get verifiedBytes(): number {
    const { bytes, completeAtMs, role } = this.row
    if (completeAtMs !== null) return bytes ?? 0
    return role === 'sharing' ? this.readBytes : (this.opened?.heldBytes ?? 0)
  }
}
