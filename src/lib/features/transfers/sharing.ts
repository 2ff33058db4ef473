import type { About } from '../../content/about.ts'
import { MAX_DESCRIPTION_CHARS, MAX_FILES, MAX_MEDIA_TYPE_CHARS } from '../../content/about.ts'
import { chunkCipher, newContentKey } from '../../content/chunk-cipher.ts'
import { sha256 } from '../../content/content-id.ts'
import { UnreadableFileError } from '../../content/errors.ts'
import { isFolder } from '../../content/folders.ts'
import { takeIn, type IntakeFile } from '../../content/intake.ts'
import { cleanPath } from '../../content/paths.ts'
import type { Revoked } from '../../content/providers/announcer.ts'
import type { PartStore } from '../../content/store/part-store.ts'
import type { NodeIdentity } from '../../crypto/api.ts'
import type { Stretch } from '../../crypto/stretch.ts'
import { MAX_KEEP_MS } from '../../protocol/copies.ts'
import { InvalidDataError, LimitExceededError, StorageFullError } from '../../protocol/errors.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { ChosenFile, ShareChoices, TransferProblem } from './api.ts'
import { NothingToShareError } from './errors.ts'
import { lockContent } from './link.ts'
import type { Roster } from './roster.ts'
import { newRow, type LiveTransfer } from './transfer.ts'

export interface SharingComponents {
  roster: Roster
  parts: PartStore
  identity: Pick<NodeIdentity, 'peer' | 'publicKey' | 'sign'>
  /** What I am called. */
  myName: () => Promise<string | null>
  stretch: Stretch
  clock: Clock
  random: Random
  log: Logger
}

/** Makes contents of the files a person chose. */
export class Sharing {
  readonly #components: SharingComponents

  constructor(components: SharingComponents) {
    this.#components = components
  }

  /** Resolves when it is remembered; the files are taken in after that. See `TransfersApi.share`. */
  async share(
    chosen: readonly ChosenFile[],
    choices: ShareChoices,
    signal?: AbortSignal,
  ): Promise<LiveTransfer> {
    const { roster, random, clock, stretch } = this.#components
    const files = intakeOf(chosen)
    checkChoices(choices)
    const nowMs = clock.now()
    const key = newContentKey(random)
    const opener =
      choices.password === null ? null : await lockContent(key, choices.password, stretch, random)
    signal?.throwIfAborted()
    const transfer = await roster.add({
      ...newRow('sharing', key, random, nowMs),
      lock: opener?.type === 'password' ? opener.lock : null,
      name: nameOf(files),
      files: files.filter(({ mediaType, blob }) => !isFolder({ mediaType, bytes: blob.size }))
        .length,
      bytes: files.reduce((sum, { blob }) => sum + blob.size, 0),
      expiresAtMs: choices.expiresAfterMs === null ? null : nowMs + choices.expiresAfterMs,
      downloadLimit: choices.downloadLimit,
      copyUntilMs: choices.copyForMs === null ? null : nowMs + choices.copyForMs,
    })
    void this.#takeIn(transfer, files, choices.description)
    return transfer
  }

  /** What was shared here and taken back, the latest first. */
  revoked(): Revoked[] {
    const { roster, clock } = this.#components
    return roster.all
      .filter((transfer) => !transfer.hasExpired(clock.now()))
      .filter(({ row }) => row.role === 'sharing' && row.problem === 'revoked')
      .toSorted((a, b) => b.row.addedAtMs - a.row.addedAtMs)
      .flatMap(({ content, expiresAtMs: untilMs }) =>
        content === null ? [] : [{ content, untilMs }],
      )
  }

  /** The same for a file that goes with something else. @throws InvalidDataError, StorageFullError */
  async enclose(file: ChosenFile, signal?: AbortSignal): Promise<LiveTransfer> {
    const { roster, random, clock } = this.#components
    const files = intakeOf([file])
    signal?.throwIfAborted()
    const transfer = await roster.add({
      ...newRow('sharing', newContentKey(random), random, clock.now()),
      enclosed: true,
      name: nameOf(files),
      files: 1,
      bytes: file.file.size,
    })
    void this.#takeIn(transfer, files, '')
    return transfer
  }

  /** How it ends stands in the row. */
  async #takeIn(transfer: LiveTransfer, files: IntakeFile[], description: string): Promise<void> {
    const { roster, identity, parts, myName, clock, log } = this.#components
    const { row, shelf, reading } = transfer
    try {
      const name = row.enclosed === true ? null : await myName()
      const about: Omit<About, 'files' | 'leavesHash'> = {
        name: row.name!,
        description,
        createdAtMs: row.addedAtMs,
        expiresAtMs: row.expiresAtMs,
        creator: name === null ? null : { peer: identity.peer, name },
      }
      const steps = takeIn(
        {
          shelf,
          files,
          about,
          signer: name === null ? null : identity,
          cipher: await chunkCipher(row.key),
          sealed: true,
        },
        { store: await transfer.store(), sha256 },
        { signal: reading.signal },
      )
      let step = await steps.next()
      for (; step.done !== true; step = await steps.next()) {
        transfer.readSpeed.count(step.value - transfer.readBytes, clock.now())
        transfer.readBytes = step.value
        roster.changed()
      }
      transfer.row = { ...transfer.row, content: step.value.content }
      await transfer.find()
      await roster.change(transfer, { completeAtMs: clock.now() })
    } catch (error) {
      if (reading.signal.aborted) return
      log.warn(`files not taken in: ${String(error)}`)
      await parts.drop(shelf)
      await roster.note(transfer, { problem: problemOf(error) })
    }
  }
}

/** Paths that can be kept, each once. @throws NothingToShareError, LimitExceededError, InvalidDataError */
function intakeOf(chosen: readonly ChosenFile[]): IntakeFile[] {
  if (!Array.isArray(chosen) || chosen.length === 0) throw new NothingToShareError('no files')
  if (chosen.length > MAX_FILES) throw new LimitExceededError(`at most ${MAX_FILES} files`)
  const taken = new Set<string>()
  return chosen.map(({ path, file }: ChosenFile) => {
    if (typeof path !== 'string' || !(file instanceof Blob)) throw new InvalidDataError('no file')
    const clean = distinct(cleanPath(path), taken)
    taken.add(clean)
    return { path: clean, mediaType: file.type.slice(0, MAX_MEDIA_TYPE_CHARS), blob: file }
  })
}

/** `a (2).jpg` where `a.jpg` is taken. */
function distinct(path: string, taken: ReadonlySet<string>): string {
  const dot = path.lastIndexOf('.')
  const end = dot > path.lastIndexOf('/') + 1 ? dot : path.length
  for (let number = 1; ; number += 1) {
    const each = number === 1 ? path : `${path.slice(0, end)} (${number})${path.slice(end)}`
    if (!taken.has(each)) return each
  }
}

/** What all of it is called: its only file, or the folder everything lies in, or the first file. */
function nameOf(files: readonly IntakeFile[]): string {
  const [first, ...others] = files.map(({ path }) => path.split('/'))
  const folder = first!.length > 1 ? first![0]! : null
  if (folder !== null && others.every((path) => path.length > 1 && path[0] === folder))
    return folder
  return first!.at(-1)!
}

function checkChoices({
  description,
  expiresAfterMs,
  password,
  downloadLimit,
  copyForMs,
}: ShareChoices): void {
  const isCount = (value: number | null): boolean =>
    value === null || (Number.isSafeInteger(value) && value > 0)
  if (typeof description !== 'string' || description.length > MAX_DESCRIPTION_CHARS) {
    throw new LimitExceededError('the description is too long')
  }
  if (!isCount(expiresAfterMs) || !isCount(downloadLimit) || !isCount(copyForMs)) {
    throw new InvalidDataError('no choice')
  }
  if (copyForMs !== null && copyForMs > MAX_KEEP_MS) {
    throw new LimitExceededError('a relay keeps a copy for 30 days at most')
  }
  if (copyForMs !== null && downloadLimit !== null) {
    throw new InvalidDataError('a relay cannot count people')
  }
  if (password !== null && (typeof password !== 'string' || password === '')) {
    throw new InvalidDataError('no password')
  }
}

function problemOf(error: unknown): TransferProblem {
  if (error instanceof StorageFullError) return 'storage-full'
  return error instanceof UnreadableFileError ? 'unreadable' : 'damaged'
}
