import { connect } from 'node:net'
import { once } from 'node:events'
import { onTestFinished, describe, expect, test } from 'vitest'
import { encode } from '@ipld/dag-cbor'
import {
  ITEM_LIFE_MS,
  itemId,
  MAILBOX_PATH,
  MAX_FETCH_BYTES,
  MAX_ITEM_BYTES,
  MAX_ONE_TIME_BYTES,
  MAX_ONE_TIME_PREKEYS,
  MAX_PASS_LIFE_MS,
  MAX_SEALED_BUNDLE_BYTES,
  prekeysCodec,
  publishCodec,
  receipts,
  REQUEST_LIFE_MS,
  takeSubject,
  type Refusal,
} from '#lib/protocol/mailbox.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import {
  ANSWER_TIMEOUT_MS,
  MAX_MAILBOX_BODY_BYTES,
  MAX_MAILBOX_REQUESTS_AT_ONCE_PER_ADDRESS,
  MAX_MAILBOX_REQUESTS_PER_MINUTE,
  MAX_MAILBOX_SENDER_BYTES,
  MAX_ONE_TIME_PREKEYS_PER_HOUR,
  MAX_PUT_BODY_BYTES,
} from '#relay/limits.ts'
import { ROW_BYTES } from '#relay/mailbox/store.ts'
import type { Relay } from '#relay/relay.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { RefusalError, TestMailbox } from '../../support/mailbox.ts'
import { dataFolder, refused, startRelay } from './harness.ts'

const random = seededRandom(7)
const ADA = random.bytes(16)
const DAY_SECONDS = 86_400

/** The system's time, moved on by hand; what is called later is called by the system's. */
class MovedClock implements Clock {
  movedMs = 0

  now(): number {
    return Date.now() + this.movedMs
  }

  after(delayMs: number, call: () => void): () => void {
    const timer = setTimeout(call, delayMs)
    return () => {
      clearTimeout(timer)
    }
  }
}

/** A relay that asks little work: a thread that works for seconds serves nobody meanwhile. */
const LITTLE_WORK = { workBits: 12 }

function mailboxAt(relay: Relay): Promise<TestMailbox> {
  return TestMailbox.at(relay.address, random.bytes(32))
}

async function refusalOf(asked: Promise<unknown>): Promise<Refusal & { status: number }> {
  const error = await asked.then(
    () => null,
    (error: unknown) => error,
  )
  if (!(error instanceof RefusalError)) throw new Error(`not refused: ${String(error)}`)
  return { ...error.refusal, status: error.status }
}

async function metric(relay: Relay, name: string): Promise<number> {
  const metric = await relay.registry.getSingleMetric(`starling_relay_${name}`)?.get()
  return metric?.values[0]?.value ?? Number.NaN
}

describe('a mailbox', () => {
  test('keeps what a contact puts until its owner has it', async () => {
    const relay = await startRelay()
    const box = await mailboxAt(relay)
    const items = [random.bytes(1), random.bytes(MAX_ITEM_BYTES)]
    for (const item of items) await box.put(await box.pass(ADA), item)
    const { entries, oneTimeLeft } = await box.list()
    expect(oneTimeLeft).toBeNull()
    expect(entries.map(({ id, byteLength, sender }) => ({ id, byteLength, sender }))).toEqual(
      items.map((item) => ({
        ...{ id: itemId(item), byteLength: item.byteLength },
        sender: [ADA, expect.any(Uint8Array)],
      })),
    )
    const [first, second] = entries.map(({ number }) => number) as [number, number]
    expect(await box.fetch([second, 5, first])).toEqual([
      [second, items[1]],
      [first, items[0]],
    ])
    expect((await box.list(first)).entries.map(({ number }) => number)).toEqual([second])
    expect(await metric(relay, 'mailbox_items')).toBe(2)
    expect(await metric(relay, 'mailbox_puts_total')).toBe(2)
    expect(await metric(relay, 'mailbox_bytes')).toBe(3 * ROW_BYTES + 1 + MAX_ITEM_BYTES)
    await box.remove([first, second])
    expect((await box.list()).entries).toEqual([])
  })

  test('gives the same receipt for the same item, also another day', async () => {
    const clock = new MovedClock()
    const data = await dataFolder()
    const relay = await startRelay([], { clock, data })
    const box = await mailboxAt(relay)
    const item = random.bytes(100)
    const receipt = await box.put(await box.pass(ADA, box.now() + 3 * DAY_SECONDS), item)
    const [, , , storedAt, expiresAt] = await receipts.open(receipt)
    expect(expiresAt - storedAt).toBe(ITEM_LIFE_MS / 1_000)
    expect(Math.abs(storedAt - box.now())).toBeLessThan(60)
    clock.movedMs = DAY_SECONDS * 1_000
    expect(await box.put(await box.pass(ADA, box.now() + 3 * DAY_SECONDS), item)).toEqual(receipt)
    await relay.stop()
    const again = await startRelay([], { clock, data })
    const later = await TestMailbox.at(again.address, random.bytes(32))
    expect(later.info.store).toEqual(box.info.store)
    expect(later.info.relay).toEqual(box.info.relay)
  })

  test('takes an item of a stranger who has shown work for just this', async () => {
    const box = await mailboxAt(await startRelay([], LITTLE_WORK))
    const item = random.bytes(100)
    await box.put(box.workToPut(item), item)
    expect((await box.list()).entries.map(({ sender }) => sender)).toEqual([null])
    expect(await refusalOf(box.put(box.workToPut(item), random.bytes(100)))).toEqual({
      ...{ reason: 'not-allowed', quota: null, status: 403 },
    })
  })

  test('keeps nothing for longer than 30 days', async () => {
    const clock = new MovedClock()
    const box = await mailboxAt(await startRelay([], { clock }))
    await box.put(await box.pass(ADA), random.bytes(100))
    await box.publish({ bundle: random.bytes(10), oneTime: [] })
    const list = async (): Promise<unknown> => {
      const second = Math.floor(clock.now() / 1_000)
      return box.post('list', await box.request({ type: 'list', after: 0 }, { second }))
    }
    clock.movedMs = ITEM_LIFE_MS - 60_000
    const before = await list()
    clock.movedMs = ITEM_LIFE_MS + 60_000
    expect(await list()).not.toEqual(before)
  })

  test('hands out prekeys, each one-time one to one taker', async () => {
    const box = await mailboxAt(await startRelay([], LITTLE_WORK))
    const bundle = random.bytes(MAX_SEALED_BUNDLE_BYTES)
    const oneTime = Array.from({ length: MAX_ONE_TIME_PREKEYS }, () =>
      random.bytes(MAX_ONE_TIME_BYTES),
    )
    const pass = await box.pass(ADA)
    expect(await refusalOf(box.take(pass))).toMatchObject({ reason: 'nothing', status: 404 })
    await box.publish({ bundle, oneTime })
    const [taken, first] = await box.take(pass)
    expect(taken).toEqual(bundle)
    const second = box.now()
    const [, other] = await box.take(box.workToTake(second), second)
    expect(oneTime).toContainEqual(first)
    expect(oneTime).toContainEqual(other)
    expect(first).not.toEqual(other)
    expect((await box.list()).oneTimeLeft).toBe(MAX_ONE_TIME_PREKEYS - 2)
  })

  test('gives the bundle alone to who takes one-time prekeys all the time', async () => {
    const clock = new MovedClock()
    const box = await mailboxAt(await startRelay([], { clock }))
    const oneTime = Array.from({ length: MAX_ONE_TIME_PREKEYS }, () => random.bytes(10))
    await box.publish({ bundle: random.bytes(10), oneTime })
    const [ada, eve] = [await box.pass(ADA), await box.pass(random.bytes(16))]
    for (let time = 0; time < MAX_ONE_TIME_PREKEYS_PER_HOUR; time++) {
      expect((await box.take(ada))[1]).not.toBeNull()
    }
    expect((await box.take(ada))[1]).toBeNull()
    expect((await box.take(eve))[1]).not.toBeNull()
  })

  test('has its prekeys replaced by later requests, not by one that is sent again', async () => {
    const box = await mailboxAt(await startRelay())
    const publish = async (bundle: Uint8Array, second: number): Promise<Uint8Array> => {
      const bytes = prekeysCodec.encode({ bundle, oneTime: [] })
      const request = await box.request({ type: 'publish', hash: itemId(bytes) }, { second })
      return publishCodec.encode([request, bytes])
    }
    const [old, young] = [random.bytes(10), random.bytes(10)]
    const first = await publish(old, box.now() - 5)
    await box.post('publish', first)
    await box.post('publish', await publish(young, box.now()))
    await box.post('publish', first)
    expect((await box.take(await box.pass(ADA)))[0]).toEqual(young)
  })
})

describe('refused is', () => {
  test('a pass of another mailbox, or of a time that is over or far off', async () => {
    const relay = await startRelay()
    const [box, other] = [await mailboxAt(relay), await mailboxAt(relay)]
    const far = box.now() + MAX_PASS_LIFE_MS / 1_000
    const item = random.bytes(100)
    const passes = [
      await other.pass(ADA),
      await box.pass(ADA, box.now() - 1),
      await box.pass(ADA, far + 60),
    ]
    for (const pass of passes) {
      expect(await refusalOf(box.put(pass, item))).toMatchObject({ reason: 'not-allowed' })
      expect(await refusalOf(box.take(pass))).toMatchObject({ reason: 'not-allowed' })
    }
    await box.put(await box.pass(ADA, far - 60), item)
    expect(await refused(relay, 'mailbox-not-allowed')).toBe(6)
  })

  test('a pass whose signature is not of the mailbox', async () => {
    const box = await mailboxAt(await startRelay())
    const pass = await box.pass(ADA)
    pass[0][pass[0].byteLength - 1]! ^= 1
    expect(await refusalOf(box.put(pass, random.bytes(10)))).toMatchObject({
      reason: 'not-allowed',
    })
  })

  test('a pass of who has not the key in it, or has proven it for something else', async () => {
    const box = await mailboxAt(await startRelay())
    const pass = await box.pass(ADA)
    const item = random.bytes(10)
    const rights = [
      await box.right([pass[0], random.bytes(32)], itemId(item)),
      await box.right(pass, itemId(random.bytes(10))),
      await box.right(pass, takeSubject(box.now())),
    ]
    for (const right of rights) {
      expect(await refusalOf(box.put(right, item))).toMatchObject({ reason: 'not-allowed' })
    }
    expect(await refusalOf(box.take(await box.right(pass, itemId(item))))).toMatchObject({
      reason: 'not-allowed',
    })
  })

  test('a request of its owner for another relay, of another time, or for something else', async () => {
    const box = await mailboxAt(await startRelay())
    const list = { type: 'list', after: 0 } as const
    const life = REQUEST_LIFE_MS / 1_000
    for (const changes of [
      { relay: random.bytes(32) },
      { second: box.now() - life - 60 },
      { second: box.now() + life + 60 },
    ]) {
      expect(await refusalOf(box.post('list', await box.request(list, changes)))).toMatchObject({
        reason: 'not-allowed',
      })
    }
    await box.post('list', await box.request(list, { second: box.now() - life + 60 }))
    expect(await refusalOf(box.post('remove', await box.request(list)))).toMatchObject({
      reason: 'malformed',
    })
  })

  test('work for taking prekeys that was shown another time', async () => {
    const box = await mailboxAt(await startRelay([], LITTLE_WORK))
    await box.publish({ bundle: random.bytes(10), oneTime: [] })
    const second = box.now() - REQUEST_LIFE_MS / 1_000 - 60
    const old = box.workToTake(second)
    expect(await refusalOf(box.take(old, second))).toMatchObject({ reason: 'not-allowed' })
    expect(await refusalOf(box.take(old))).toMatchObject({ reason: 'not-allowed' })
  })

  test('prekeys other than the request is for', async () => {
    const box = await mailboxAt(await startRelay())
    const bytes = prekeysCodec.encode({ bundle: random.bytes(10), oneTime: [] })
    const request = await box.request({ type: 'publish', hash: random.bytes(32) })
    expect(
      await refusalOf(box.post('publish', publishCodec.encode([request, bytes]))),
    ).toMatchObject({ reason: 'not-allowed' })
  })

  test('an item longer than allowed, in words of the protocol and before it is read', async () => {
    const relay = await startRelay()
    const box = await mailboxAt(relay)
    const nonce = new Uint8Array(8)
    const long = encode([{ type: 'work', nonce }, box.id, random.bytes(MAX_ITEM_BYTES + 1)])
    expect(await refusalOf(box.post('put', long))).toEqual({
      ...{ reason: 'malformed', quota: null, status: 400 },
    })
    expect(await refusalOf(box.post('put', new Uint8Array(MAX_PUT_BODY_BYTES)))).toMatchObject({
      status: 400,
    })
    expect(await refusalOf(box.post('put', new Uint8Array(MAX_PUT_BODY_BYTES + 1)))).toEqual({
      ...{ reason: 'malformed', quota: null, status: 413 },
    })
    expect(
      await refusalOf(box.post('list', new Uint8Array(MAX_MAILBOX_BODY_BYTES + 1))),
    ).toMatchObject({ status: 413 })
    expect(await refused(relay, 'mailbox-malformed')).toBe(4)
  })

  test('a body of another type, and none', async () => {
    const box = await mailboxAt(await startRelay())
    box.headers = { 'Content-Type': 'application/json' }
    expect(await refusalOf(box.post('list', new Uint8Array(2)))).toMatchObject({
      ...{ reason: 'malformed', status: 415 },
    })
    box.headers = {}
    expect(await refusalOf(box.post('list', new Uint8Array()))).toMatchObject({
      reason: 'malformed',
    })
  })

  test('what goes beyond a quota, with its name', async () => {
    const relay = await startRelay()
    const box = await mailboxAt(relay)
    const pass = await box.pass(ADA)
    const each = ROW_BYTES + MAX_ITEM_BYTES
    const fitting = Math.floor(MAX_MAILBOX_SENDER_BYTES / each)
    for (let at = 0; at < fitting; at++) await box.put(pass, random.bytes(MAX_ITEM_BYTES))
    expect(await refusalOf(box.put(pass, random.bytes(MAX_ITEM_BYTES)))).toEqual({
      ...{ reason: 'full', quota: 'sender', status: 507 },
    })
    expect(await refused(relay, 'mailbox-full-sender')).toBe(1)
    expect((await box.list()).entries).toHaveLength(64)
  })

  test('a day’s worth of bytes and more from one address', async () => {
    const clock = new MovedClock()
    const relay = await startRelay(['--trust-proxy', '127.0.0.1'], { clock })
    const prekeys = {
      bundle: random.bytes(MAX_SEALED_BUNDLE_BYTES),
      oneTime: Array.from({ length: MAX_ONE_TIME_PREKEYS }, () => random.bytes(MAX_ONE_TIME_BYTES)),
    }
    const box = await mailboxAt(relay)
    box.headers = { 'X-Forwarded-For': '192.0.2.1' }
    let published = 0
    const untilRefused = async (): Promise<Refusal> => {
      for (;;) {
        try {
          await box.publish(prekeys)
          published += 1
        } catch (error) {
          if (error instanceof RefusalError) return error.refusal
          throw error
        }
      }
    }
    expect(await untilRefused()).toMatchObject({ reason: 'too-many' })
    // Bytes of one: a bundle and 50 one-time prekeys, each with its row.
    expect(published).toBe(Math.floor((64 * 1024 * 1024) / (12 * 1024 + 50 * 1400 + 51 * 512)))
    expect(await refused(relay, 'mailbox-bytes')).toBe(1)
    box.headers = { 'X-Forwarded-For': '192.0.2.2' }
    await box.publish(prekeys)
  })

  test('one request more in a minute than an address may make', async () => {
    const clock = new MovedClock()
    const relay = await startRelay([], { clock })
    const ask = (): Promise<Response> => fetch(relay.address + MAILBOX_PATH)
    // At the beginning of a minute, so that none begins meanwhile.
    clock.movedMs = 60_000 - (Date.now() % 60_000)
    for (let at = 0; at < MAX_MAILBOX_REQUESTS_PER_MINUTE; at++) {
      expect((await ask()).status).toBe(200)
    }
    expect((await ask()).status).toBe(429)
    clock.movedMs += 60_000
    expect((await ask()).status).toBe(200)
    expect(await refused(relay, 'mailbox-requests')).toBe(1)
  })
})

describe('of one address', () => {
  /** A request whose body does not come. */
  async function slowRequest(relay: Relay) {
    const socket = connect(relay.port, '127.0.0.1')
    onTestFinished(() => {
      socket.destroy()
    })
    await once(socket, 'connect')
    socket.write(
      `POST ${MAILBOX_PATH}/list HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n` +
        'Content-Length: 10\r\n\r\n',
    )
    return socket
  }

  test('so many requests are served at once', async () => {
    const relay = await startRelay()
    const slow = []
    for (let at = 0; at < MAX_MAILBOX_REQUESTS_AT_ONCE_PER_ADDRESS; at++) {
      slow.push(await slowRequest(relay))
    }
    const ask = async (): Promise<number> => (await fetch(relay.address + MAILBOX_PATH)).status
    await expect.poll(ask).toBe(429)
    expect(await refused(relay, 'mailbox-at-once')).toBeGreaterThan(0)
    for (const socket of slow) socket.destroy()
    await expect.poll(ask).toBe(200)
  })
})

test('a fetch gives no more bytes than promised; the rest is asked for again', async () => {
  const box = await mailboxAt(await startRelay())
  const pass = await box.pass(ADA)
  const fitting = Math.floor(MAX_FETCH_BYTES / MAX_ITEM_BYTES)
  for (let at = 0; at <= fitting; at++) await box.put(pass, random.bytes(MAX_ITEM_BYTES))
  const numbers = (await box.list()).entries.map(({ number }) => number)
  const first = await box.fetch(numbers)
  expect(first.map(([number]) => number)).toEqual(numbers.slice(0, fitting))
  expect(await box.fetch(numbers.slice(fitting))).toHaveLength(1)
})

test('an answer that is not read is cut', async () => {
  const clock = new MovedClock()
  const deadlines: (() => void)[] = []
  const relay = await startRelay([], {
    clock: {
      now: () => clock.now(),
      after(delayMs, call) {
        if (delayMs !== ANSWER_TIMEOUT_MS) return clock.after(delayMs, call)
        deadlines.push(call)
        return () => undefined
      },
    },
  })
  const box = await mailboxAt(relay)
  const pass = await box.pass(ADA)
  for (let at = 0; at < 20; at++) await box.put(pass, random.bytes(MAX_ITEM_BYTES))
  const numbers = (await box.list()).entries.map(({ number }) => number)
  const body = await box.request({ type: 'fetch', numbers })
  const before = deadlines.length
  const socket = connect(relay.port, '127.0.0.1')
  await once(socket, 'connect')
  // One after the other, so that more is to be written than the system keeps.
  const asked = 16
  for (let at = 0; at < asked; at++) {
    socket.write(
      `POST ${MAILBOX_PATH}/fetch HTTP/1.1\r\nHost: a\r\nContent-Type: application/octet-stream\r\n` +
        `Content-Length: ${body.byteLength}\r\n\r\n`,
    )
    socket.write(body)
  }
  await expect.poll(() => deadlines.length).toBeGreaterThan(before + 1)
  // Whatever is called every so often goes on afterwards.
  for (const cut of deadlines.splice(0)) cut()
  let read = 0
  socket.on('data', ({ byteLength }) => {
    read += byteLength
  })
  await once(socket, 'close')
  expect(read).toBeLessThan(asked * 20 * MAX_ITEM_BYTES)
})

describe('pages of other origins', () => {
  const PATHS = [MAILBOX_PATH, `${MAILBOX_PATH}/put`, `${MAILBOX_PATH}/list`]

  test.each(PATHS)('may use %s, without cookies', async (path) => {
    const relay = await startRelay()
    const { status, headers } = await fetch(relay.address + path, {
      method: 'OPTIONS',
      headers: {
        ...{ Origin: 'https://other.example', 'Access-Control-Request-Method': 'POST' },
        'Access-Control-Request-Headers': 'content-type',
      },
    })
    expect(status).toBe(204)
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-methods')).toBe('GET, POST')
    expect(headers.get('access-control-allow-headers')).toBe('content-type')
    expect(headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('read answers and refusals, which nobody keeps', async () => {
    const relay = await startRelay()
    for (const [method, path, status] of [
      ['GET', MAILBOX_PATH, 200],
      ['POST', `${MAILBOX_PATH}/list`, 400],
    ] as const) {
      const response = await fetch(relay.address + path, { method })
      expect(response.status).toBe(status)
      expect(response.headers.get('access-control-allow-origin')).toBe('*')
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('content-type')).toBe('application/octet-stream')
      expect(response.headers.get('set-cookie')).toBeNull()
    }
  })
})
