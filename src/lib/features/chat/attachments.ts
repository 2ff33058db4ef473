import { cleanPath } from '../../content/paths.ts'
import type { MessageRow } from '../../db/schema.ts'
import { manifestHashOf, parseContentId } from '../../content/content-id.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Logger } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { EnclosedTransfer, EncloseOptions, Enclosures } from '../transfers/api.ts'
import type { AttachmentProgress, ConversationId, Look, Onward, OutgoingFile } from './api.ts'
import type { SentAttachment } from './protocol.ts'
import type { ChatStore } from './store.ts'

/**
 * What is got by itself of one conversation until the host ends, in bytes: who would fill my disk needs me to press for
 * the rest.
 */
export const MAX_AUTOMATIC_BYTES = 1_000_000_000

/** What a person chose to get without being asked. */
export interface AutomaticGetting {
  when: 'always' | 'unmetered' | 'never'
  upToBytes: number
}

export interface AttachmentsComponents {
  me: PeerIdString
  enclosures: Enclosures
  store: Pick<ChatStore, 'holdsContent'>
  /** Where a contact is met. */
  relaysOf: (peer: PeerIdString) => readonly string[]
  /** Whether bytes cost nothing now, as far as the browser tells. */
  isUnmetered: () => boolean
  logger: Logger
}

/** A message with a file. */
type Holder = MessageRow & Required<Pick<MessageRow, 'attachment' | 'content'>>

/**
 * The bytes of files that go with messages. They are kept as long as a message here has them, however many do, and are
 * given to whoever a message of mine tells about them.
 */
export class Attachments {
  /** Not before it is known what the person wants. */
  automatic: AutomaticGetting | null = null
  readonly #components: AttachmentsComponents
  readonly #turns = new Turns<'sweep'>()
  readonly #got = new Map<PeerIdString, number>()
  /** Files that are taken in for messages which are not there yet. */
  #sending = 0
  #unswept = false

  constructor(components: AttachmentsComponents) {
    this.#components = components
  }

  /**
   * Takes a file in for this conversation and sends it with `send`. When that fails, nothing of it stays.
   * @throws StorageFullError, NothingToShareError, and what `send` throws
   */
  async sending<T>(
    conversation: ConversationId,
    { file, name, look }: OutgoingFile,
    send: (attachment: SentAttachment) => Promise<T>,
    options?: EncloseOptions,
  ): Promise<T> {
    this.#sending += 1
    try {
      const chosen = { path: fileName(name), file }
      const { content, key } = await this.#components.enclosures.enclose(chosen, options)
      await this.#goesTo(conversation, content)
      const hash = manifestHashOf(parseContentId(content))
      return await send(sentAttachment({ file, name, look }, hash, key))
    } catch (error) {
      this.#unswept = true
      throw error
    } finally {
      this.#sending -= 1
      if (this.#unswept) this.gone()
    }
  }

  /** A message of theirs came. */
  arrived(row: MessageRow): void {
    const { automatic } = this
    if (!hasFile(row) || automatic === null || automatic.when === 'never') return
    const { conversation, attachment } = row
    if (attachment.bytes > automatic.upToBytes) return
    if (automatic.when === 'unmetered' && !this.#components.isUnmetered()) return
    const got = (this.#got.get(conversation) ?? 0) + attachment.bytes
    if (got > MAX_AUTOMATIC_BYTES) return
    this.#got.set(conversation, got)
    this.get(row).catch((error: unknown) => {
      this.#components.logger.warn(`an attachment is not got by itself: ${String(error)}`)
    })
  }

  /** Messages went, and what they had may be nobody's now. */
  gone(): void {
    this.#unswept = true
    if (this.#sending > 0) return
    this.#unswept = false
    const { enclosures, logger, store } = this.#components
    this.#turns
      .run('sweep', () => enclosures.dropUnless((content) => store.holdsContent(content)))
      .catch((error: unknown) => {
        logger.error('files of messages that are gone are still here', error)
      })
  }

  /** Resolves once what was gone is no longer here. */
  async settled(): Promise<void> {
    await this.#turns.run('sweep', () => Promise.resolve())
  }

  async *watch(row: MessageRow, options?: AbortOptions): AsyncIterable<AttachmentProgress> {
    if (!hasFile(row)) return
    for await (const transfer of this.#components.enclosures.watch(row.content, options)) {
      const progress = { ...progressOf(transfer), onward: onwardOf(row, transfer) }
      yield progress
      if (progress.state === 'here' && progress.onward === null) return
    }
  }

  async get(row: MessageRow): Promise<void> {
    if (!hasFile(row)) return
    const { conversation, content, attachment } = row
    const { me, relaysOf } = this.#components
    // Nobody else has what I noted for myself.
    const from = conversation === me ? null : { peer: conversation, relays: relaysOf(conversation) }
    await this.#components.enclosures.fetch({ content, key: attachment.key }, from)
  }

  /** It goes to another conversation too: who is told of it gets it from me. */
  async passOn(row: MessageRow, to: ConversationId): Promise<SentAttachment | undefined> {
    if (!hasFile(row)) return undefined
    await this.get(row)
    await this.#goesTo(to, row.content)
    return { ...row.attachment, content: manifestHashOf(parseContentId(row.content)) }
  }

  async pause(row: MessageRow): Promise<void> {
    if (hasFile(row)) await this.#components.enclosures.pause(row.content)
  }

  async *read(row: MessageRow, options?: AbortOptions): AsyncIterable<Uint8Array<ArrayBuffer>> {
    if (hasFile(row)) yield* this.#components.enclosures.read(row.content, options)
  }

  async #goesTo(conversation: ConversationId, content: string): Promise<void> {
    const { enclosures, me } = this.#components
    if (conversation !== me) await enclosures.sent(content, conversation)
  }
}

/** A file as it stands in a message, while its content is not made yet or once it is. */
export function sentAttachment(
  { file, name, look }: Pick<OutgoingFile, 'file' | 'name' | 'look'>,
  content: Uint8Array,
  key: Uint8Array,
): SentAttachment {
  const described = { content, key, name: fileName(name), mediaType: file.type, bytes: file.size }
  return { ...described, ...bareLook(look) }
}

function hasFile(row: MessageRow): row is Holder {
  return row.attachment !== undefined && row.content !== undefined
}

function fileName(name: string): string {
  return cleanPath(name).split('/').at(-1)!
}

/** What a tab says, without anything beside it. */
function bareLook(look: Look): Look {
  switch (look.kind) {
    case 'file':
      return { kind: look.kind }
    case 'picture': {
      const { kind, width, height, thumbnail } = look
      return { kind, width, height, thumbnail }
    }
    case 'voice': {
      const { kind, durationMs, waveform } = look
      return { kind, durationMs, waveform }
    }
  }
}

function onwardOf(
  { conversation, mine }: MessageRow,
  transfer: EnclosedTransfer | null,
): Onward | null {
  if (!mine || transfer?.awaitedBy.includes(conversation) !== true) return null
  const { copy, peers } = transfer
  const reader = peers.find(({ peer }) => peer === conversation)
  if (reader !== undefined) {
    const { share, given, msLeft } = reader
    return { state: 'getting', share: share ?? given, msLeft }
  }
  switch (copy?.state) {
    case 'asking':
      return { state: 'asking' }
    case 'sending':
      return { state: 'copying', untilMs: copy.untilMs }
    case 'kept':
      return { state: 'kept', untilMs: copy.untilMs }
    // No copy is wanted, or no relay keeps it.
    default:
      return { state: 'direct' }
  }
}

function progressOf(transfer: EnclosedTransfer | null): Omit<AttachmentProgress, 'onward'> {
  const still = { bytesPerSecond: 0, msLeft: null, problem: null }
  if (transfer === null) return { state: 'away', verifiedBytes: 0, ...still }
  const { verifiedBytes, msLeft, problem } = transfer
  const { down } = transfer.bytesPerSecond
  switch (transfer.state) {
    case 'shared':
    case 'complete':
      return { state: 'here', verifiedBytes, ...still }
    case 'getting':
      return { ...still, state: 'getting', verifiedBytes, msLeft, bytesPerSecond: down }
    case 'reading':
      return { state: 'getting', verifiedBytes, ...still }
    case 'freed':
    case 'offered':
      return { state: 'away', verifiedBytes: 0, ...still }
    case 'queued':
    case 'looking':
    case 'waiting':
      return { state: 'waiting', verifiedBytes, ...still }
    case 'paused':
      return { state: 'paused', verifiedBytes, ...still }
    case 'ended':
    case 'failed':
      return {
        ...still,
        state: 'failed',
        verifiedBytes,
        problem: problem === 'storage-full' ? 'storage-full' : 'damaged',
      }
  }
}
