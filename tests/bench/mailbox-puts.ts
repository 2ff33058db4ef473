import { Agent, request } from 'node:http'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { itemId, MAILBOX_PATH, putCodec } from '#lib/protocol/mailbox.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { TestMailbox } from '../support/mailbox.ts'
import { Relay } from '../support/relay.ts'
import { quantile } from '../support/trend.ts'

/** Of an item: a short message, sealed. */
const ITEM_BYTES = 1_024

/** The slowest hundredth of puts must be answered within this. */
const P99_MS = 100

/** Puts under way at once, tried one after the other until the slowest take too long. */
const AT_ONCE = [8, 16, 32, 64, 128, 256, 512]

/** Requests of one address: a relay takes 1,200 a minute (docs/LIMITS.md). */
const REQUESTS_PER_ADDRESS = 1_000

const MAILBOXES = 64

/** How often a second something became durable: puts of a relay, and writes of its disk one after another. */
export interface PutRates {
  puts: number
  syncs: number
}

/** The highest rate at which the slowest hundredth of puts has its receipt within `P99_MS`. */
export async function mailboxPuts(phaseMs: number): Promise<PutRates> {
  await using load = await Load.start()
  const syncs = await syncsPerSecond(phaseMs)
  // Code is compiled, connections are open.
  await load.run(32, phaseMs)
  let puts = 0
  for (const atOnce of AT_ONCE) {
    const { perSecond, p99Ms } = await load.run(atOnce, phaseMs)
    if (p99Ms >= P99_MS) break
    puts = Math.max(puts, perSecond)
  }
  return { puts, syncs }
}

/** A relay and what is put into it, over connections that stay open. */
class Load implements AsyncDisposable {
  readonly #relay: Relay
  readonly #boxes: readonly TestMailbox[]
  readonly #agent = new Agent({ keepAlive: true })
  readonly #random = seededRandom(1)
  #sent = 0

  private constructor(relay: Relay, boxes: readonly TestMailbox[]) {
    this.#relay = relay
    this.#boxes = boxes
  }

  static async start(): Promise<Load> {
    const flags = ['--no-app', '--no-webrtc', '--trust-proxy', '127.0.0.1']
    const relay = await Relay.start(...flags)
    const random = seededRandom(2)
    const boxes: TestMailbox[] = []
    for (let count = 0; count < MAILBOXES; count++) {
      boxes.push(await TestMailbox.at(relay.origin, random.bytes(32)))
    }
    return new Load(relay, boxes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy()
    await this.#relay[Symbol.asyncDispose]()
  }

  async run(atOnce: number, phaseMs: number): Promise<{ perSecond: number; p99Ms: number }> {
    // A pass each, so that no sender's quota is in the way.
    const bodies = await Promise.all(
      Array.from({ length: atOnce }, async (_, at) => {
        const box = this.#boxes[at % MAILBOXES]!
        const pass = await box.pass(this.#random.bytes(16))
        return async () => {
          const item = this.#random.bytes(ITEM_BYTES)
          return putCodec.encode([await box.right(pass, itemId(item)), box.id, item])
        }
      }),
    )
    const timesMs: number[] = []
    const startMs = performance.now()
    const endMs = startMs + phaseMs
    await Promise.all(
      bodies.map(async (body) => {
        while (performance.now() < endMs) {
          const bytes = await body()
          const sentMs = performance.now()
          await this.#put(bytes)
          timesMs.push(performance.now() - sentMs)
        }
      }),
    )
    const perSecond = timesMs.length / ((performance.now() - startMs) / 1_000)
    return { perSecond, p99Ms: quantile(timesMs, 0.99) }
  }

  async #put(body: Uint8Array): Promise<void> {
    const address = Math.floor(this.#sent++ / REQUESTS_PER_ADDRESS)
    const status = await new Promise<number>((resolve, reject) => {
      const asked = request(
        `http://127.0.0.1:${this.#relay.port}${MAILBOX_PATH}/put`,
        {
          agent: this.#agent,
          method: 'POST',
          headers: {
            'Content-Type': 'application/octet-stream',
            'Content-Length': body.byteLength,
            'X-Forwarded-For': `10.${address >> 16}.${(address >> 8) & 255}.${address & 255}`,
          },
        },
        (answer) => {
          answer.resume().once('end', () => {
            resolve(answer.statusCode ?? 0)
          })
        },
      )
      asked.once('error', reject).end(body)
    })
    if (status !== 200) throw new Error(`a put was answered ${status}`)
  }
}

/** Appends of as many bytes as an item has, each on the disk before the next: what the disk itself can. */
async function syncsPerSecond(phaseMs: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-sync-'))
  const file = await open(join(folder, 'log'), 'a')
  try {
    const bytes = seededRandom(3).bytes(ITEM_BYTES)
    const startMs = performance.now()
    let syncs = 0
    while (performance.now() - startMs < phaseMs) {
      await file.write(bytes)
      await file.datasync()
      syncs += 1
    }
    return syncs / ((performance.now() - startMs) / 1_000)
  } finally {
    await file.close()
    await rm(folder, { recursive: true })
  }
}
