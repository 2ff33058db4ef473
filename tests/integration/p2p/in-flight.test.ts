import { expect, test } from 'vitest'
import { Delivery } from '#lib/delivery/delivery.ts'
import { MAX_PAYLOAD_BYTES } from '#lib/delivery/envelope.ts'
import { LEAVE_MS } from '#lib/p2p/relay-book/relay-dialer.ts'
import { STEADY_MS } from '#lib/p2p/relay-book/spare.ts'
import { PROVEN_MS } from '#lib/p2p/ways/way-finder.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { oneDevice } from '../../fixtures/devices.ts'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { noHello, noMail } from '../../fixtures/no-mail.ts'
import { plainSealer } from '../../fixtures/plain-sealer.ts'
import { Middlebox, type MiddleboxInit } from '../../support/middlebox.ts'
import { HeldClock } from './held-clock.ts'
import { onState, type Person } from './person.ts'
import { after, aRelay, somebody } from './scene.ts'

/** Each of two frames and more: so much is cut in its middle more often than between. */
const LONG = 'x'.repeat(MAX_PAYLOAD_BYTES - 8)

/** Somebody who writes to one other, and keeps what both wrote. */
class Writer {
  readonly store = new MemoryDeliveryStore()
  readonly #delivery: Delivery
  readonly #other: Person
  #written = 0

  private constructor({ peer, node }: Person, other: Person) {
    this.#other = other
    this.#delivery = new Delivery(
      {
        identity: { peer },
        channels: node.channels,
        store: this.store,
        sealer: plainSealer,
        devices: oneDevice,
        mail: noMail,
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      },
      {
        protocol: '/starling/test-delivery/1.0.0',
        accept: (peer) => peer === other.peer,
        check: () => undefined,
        tellsRead: () => true,
        ...noHello,
      },
    )
  }

  static async of(person: Person, other: Person): Promise<Writer> {
    const writer = new Writer(person, other)
    await writer.#delivery.start()
    after(() => writer.#delivery.stop())
    return writer
  }

  /** Resolves when they are written down, not when they arrive. */
  async write(messages: number): Promise<void> {
    for (let count = 0; count < messages; count += 1) {
      const text = `${this.#written} ${LONG}`
      this.#written += 1
      await this.#delivery.send(this.#other.peer, new TextEncoder().encode(text), text)
    }
  }

  /** How many of mine the other is not known to hold. */
  async inFlight(): Promise<number> {
    const { sequence, received } = (await this.store.chains(this.#other.peer))!.mine
    return sequence - received
  }

  /** Mine are held by the other. */
  async arrived(): Promise<void> {
    await expect.poll(() => this.inFlight()).toBe(0)
  }

  get written(): number[] {
    return Array.from({ length: this.#written }, (_, at) => at)
  }

  /** The numbers of what the other wrote, in the order it is shown in here. */
  get shown(): number[] {
    return this.store
      .shown()
      .filter(({ mine }) => !mine)
      .map(({ payload }) => parseInt(new TextDecoder().decode(payload), 10))
  }
}

/** Two who write to each other through one relay, Ada behind a box. */
async function writing(box: MiddleboxInit, clock?: HeldClock) {
  const relay = await aRelay()
  const middlebox = await Middlebox.before({ port: Number(new URL(relay.origin).port) }, box)
  after(() => middlebox[Symbol.asyncDispose]())
  const ada = await somebody({ origin: middlebox.origin, ...(clock && { clock }) })
  const bob = await somebody({ origin: relay.origin })
  await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
  const [adas, bobs] = [await Writer.of(ada, bob), await Writer.of(bob, ada)]
  ada.node.peers.want(bob.peer, [`localhost:${middlebox.port}`])
  bob.node.peers.want(ada.peer, [relay.host])
  await Promise.all([adas.write(1), bobs.write(1)])
  await Promise.all([adas.arrived(), bobs.arrived()])
  return { middlebox, ada, bob, adas, bobs }
}

async function expectEachOnce({ adas, bobs }: Awaited<ReturnType<typeof writing>>) {
  await Promise.all([adas.arrived(), bobs.arrived()])
  expect(bobs.shown).toEqual(adas.written)
  expect(adas.shown).toEqual(bobs.written)
}

test.for([
  { mode: 'binary', box: {} },
  { mode: 'longpoll', box: { buffers: true } },
])(
  '$mode: what is in flight when requests are cut arrives once and in order',
  async ({ mode, box }) => {
    const scene = await writing({ ...box, cutsOneOf: 3 })
    const { middlebox, ada, adas, bobs } = scene
    const before = middlebox.cuts
    for (let times = 0; times < 4; times += 1) {
      await Promise.all([adas.write(8), bobs.write(8)])
      expect((await adas.inFlight()) + (await bobs.inFlight())).toBeGreaterThan(0)
      middlebox.drop()
    }
    await expectEachOnce(scene)
    expect(middlebox.cuts).toBeGreaterThan(before)
    const ways = ada.node.network.links().flatMap((link) => (link.relay ? [link.transport] : []))
    expect(ways).toEqual([`http-${mode}`])
  },
)

test('what is in flight when its relay is reached by a better way, and when that breaks, arrives once', async () => {
  const clock = new HeldClock(STEADY_MS, PROVEN_MS, LEAVE_MS)
  const scene = await writing({}, clock)
  const { middlebox, ada, adas, bobs } = scene
  const used = (): string[] =>
    ada.node.network.links().flatMap((link) => (link.relay ? [link.transport] : []))
  expect(used()).toEqual(['http-binary'])
  middlebox.change({ webSockets: true })
  await clock.pass(STEADY_MS)
  await clock.waits(PROVEN_MS)
  await Promise.all([adas.write(16), bobs.write(16)])
  expect(await adas.inFlight()).toBeGreaterThan(0)
  expect(await bobs.inFlight()).toBeGreaterThan(0)
  await clock.pass(PROVEN_MS)
  await clock.waits(LEAVE_MS)
  await Promise.all([adas.write(16), bobs.write(16)])
  expect((await adas.inFlight()) + (await bobs.inFlight())).toBeGreaterThan(0)
  await clock.pass(LEAVE_MS)
  await expect.poll(used).toEqual(['websocket'])
  await Promise.all([adas.write(16), bobs.write(16)])
  middlebox.become({})
  await expectEachOnce(scene)
  expect(used()).toEqual(['http-binary'])
})
