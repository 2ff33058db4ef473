import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { signerWith } from '#lib/crypto/mailbox-keys.ts'
import {
  type Grant,
  infoCodec,
  itemId,
  itemsCodec,
  MAILBOX_PATH,
  type MailboxInfo,
  type MailboxOperation,
  type MailboxPage,
  ownerRequests,
  pageCodec,
  passes,
  prekeysCodec,
  prove,
  publishCodec,
  putCodec,
  receipts,
  type Refusal,
  refusalCodec,
  type Right,
  type SealedPrekeys,
  takeCodec,
  takenCodec,
  takeSubject,
  workFor,
} from '#lib/protocol/mailbox.ts'
import { signedBytes, type Signer } from '#lib/protocol/signed.ts'

/** What a relay answered instead of what was asked for. */
export class RefusalError extends Error {
  readonly refusal: Refusal
  readonly status: number

  constructor(refusal: Refusal, status: number) {
    super(`${status} ${JSON.stringify(refusal)}`)
    this.refusal = refusal
    this.status = status
  }
}

/** A mailbox at one relay, with its owner and whoever writes to it: every request, spelled out. */
export class TestMailbox {
  readonly id: Uint8Array
  readonly #origin: string
  readonly #info: MailboxInfo
  readonly #owner: Signer
  /** Seconds that the clock of this side is ahead. */
  readonly #aheadSeconds: number
  /** Sent with each request. */
  headers: Record<string, string> = {}

  private constructor(origin: string, info: MailboxInfo, owner: Signer) {
    this.#origin = origin
    this.#info = info
    this.#owner = owner
    this.id = owner.publicKey
    this.#aheadSeconds = Math.floor(Date.now() / 1_000) - info.second
  }

  /** @param seed of the mailbox's key, 32 bytes */
  static async at(origin: string, seed: Uint8Array): Promise<TestMailbox> {
    const key = await generateKeyPairFromSeed('Ed25519', seed)
    const owner: Signer = {
      publicKey: key.publicKey.raw,
      sign: async (context, body) => key.sign(signedBytes(context, body)),
    }
    const response = await fetch(origin + MAILBOX_PATH, { headers: ALONE })
    return new TestMailbox(origin, infoCodec.decode(await bytesOf(response)), owner)
  }

  /** By the relay's clock. */
  now(): number {
    return Math.floor(Date.now() / 1_000) - this.#aheadSeconds
  }

  get relay(): Uint8Array {
    return this.#info.relay
  }

  get info(): MailboxInfo {
    return this.#info
  }

  /** @param sender name, 16 bytes; whoever is called so has one key everywhere */
  async pass(sender: Uint8Array, endSecond = this.now() + 86_400): Promise<Grant> {
    const secret = Uint8Array.from([...sender, ...sender])
    const { publicKey } = signerWith(secret)
    return [await passes.seal([this.id, sender, publicKey, endSecond], this.#owner), secret]
  }

  workToPut(item: Uint8Array): Right {
    return { type: 'work', nonce: this.#work(itemId(item)) }
  }

  workToTake(second: number): Right {
    return { type: 'work', nonce: this.#work(takeSubject(second)) }
  }

  /** Gives the receipt as it came, once it was found to be the relay's for this item. */
  async put(by: Right | Grant, item: Uint8Array): Promise<Uint8Array> {
    const right = await this.right(by, itemId(item))
    const receipt = await this.post('put', putCodec.encode([right, this.id, item]))
    const [relay, mailbox, id] = await receipts.open(receipt)
    const isRight = [
      [relay, this.relay],
      [mailbox, this.id],
      [id, itemId(item)],
    ].every(([one, other]) => Buffer.compare(one!, other!) === 0)
    if (!isRight) throw new Error('a receipt for something else')
    return receipt
  }

  async take(by: Right | Grant, second = this.now()): Promise<[Uint8Array, Uint8Array | null]> {
    const right = await this.right(by, takeSubject(second))
    return takenCodec.decode(await this.post('take', takeCodec.encode([right, this.id, second])))
  }

  /** To put or take this. */
  async right(by: Right | Grant, subject: Uint8Array): Promise<Right> {
    if (!Array.isArray(by)) return by
    const [pass, secret] = by
    return { type: 'pass', pass, proof: await prove(this.id, subject, signerWith(secret)) }
  }

  async list(after = 0): Promise<MailboxPage> {
    return pageCodec.decode(await this.post('list', await this.request({ type: 'list', after })))
  }

  async fetch(numbers: number[]): Promise<[number, Uint8Array][]> {
    return itemsCodec.decode(
      await this.post('fetch', await this.request({ type: 'fetch', numbers })),
    )
  }

  async remove(numbers: number[]): Promise<void> {
    await this.post('remove', await this.request({ type: 'remove', numbers }))
  }

  async publish(prekeys: SealedPrekeys, second = this.now()): Promise<void> {
    const bytes = prekeysCodec.encode(prekeys)
    const request = await this.request({ type: 'publish', hash: itemId(bytes) }, { second })
    await this.post('publish', publishCodec.encode([request, bytes]))
  }

  async wakeAt(endpoint: string | null, second = this.now()): Promise<void> {
    await this.post('wake', await this.request({ type: 'wake', endpoint }, { second }))
  }

  async request(
    operation: MailboxOperation,
    { second = this.now(), relay = this.relay } = {},
  ): Promise<Uint8Array> {
    return ownerRequests.seal([relay, this.id, operation, second], this.#owner)
  }

  /** @throws RefusalError */
  async post(operation: string, body: Uint8Array): Promise<Uint8Array> {
    const response = await fetch(`${this.#origin}${MAILBOX_PATH}/${operation}`, {
      method: 'POST',
      headers: { ...ALONE, 'Content-Type': 'application/octet-stream', ...this.headers },
      body: Uint8Array.from(body),
    })
    const answer = await bytesOf(response)
    if (response.ok) return answer
    throw new RefusalError(refusalCodec.decode(answer), response.status)
  }

  #work(subject: Uint8Array): Uint8Array {
    return workFor(this.id, subject, this.#info.workBits, 0, Number.MAX_SAFE_INTEGER)!
  }
}

/** Each request has a connection of its own: one kept open may be closed by the relay just when it is used again. */
const ALONE = { Connection: 'close' }

async function bytesOf(response: Response): Promise<Uint8Array> {
  return new Uint8Array(await response.arrayBuffer())
}
