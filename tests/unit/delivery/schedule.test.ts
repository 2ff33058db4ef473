import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Delivery } from '#lib/delivery/delivery.ts'
import { noMailbox, plainSealer } from '#lib/delivery/seams.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import { FakeNetwork, settled, silentLogger, type FakeHost } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'

const ANNA = (await signerOf(1)).peer
const BEN = (await signerOf(2)).peer
const PROTOCOL = '/test/1.0.0'

/** One person's device: the program on it comes and goes, the store stays. */
class Device {
  readonly store = new MemoryDeliveryStore()
  readonly intents: string[] = []
  /** What its person had seen when they first wanted to send a message. */
  readonly seenBefore = new Map<string, MessageId[]>()
  readonly host: FakeHost
  readonly #clock: ManualClock
  readonly #other: PeerIdString
  readonly #random
  #delivery: Delivery | null = null

  constructor(network: FakeNetwork, clock: ManualClock, me: PeerIdString, other: PeerIdString) {
    this.host = network.host(me)
    this.#clock = clock
    this.#other = other
    this.#random = seededRandom(me === ANNA ? 11 : 22)
  }

  async start(): Promise<void> {
    this.store.restart()
    this.#delivery = new Delivery(
      {
        identity: { peer: this.host.peer },
        channels: this.host.channels,
        store: this.store,
        sealer: plainSealer,
        mailbox: noMailbox,
        clock: this.#clock,
        random: this.#random,
        logger: silentLogger,
      },
      { protocol: PROTOCOL, accept: () => true, check: () => undefined },
    )
    await this.#delivery.start()
  }

  /** Ends the program where it is. */
  async end(): Promise<void> {
    await this.#delivery?.stop()
    this.#delivery = null
  }

  /** Sends; a person whose device fails sends the same again when it is back. */
  async send(intent = `${this.host.peer} ${this.intents.length}`): Promise<void> {
    if (!this.seenBefore.has(intent)) {
      this.intents.push(intent)
      this.seenBefore.set(
        intent,
        this.store.messages.map(({ id }) => id),
      )
    }
    try {
      await this.#delivery!.send(this.#other, new TextEncoder().encode(intent), intent)
    } catch {
      expect(this.store.dead).toBe(true)
    }
  }

  async sendAgain(): Promise<void> {
    for (const intent of this.intents) await this.send(intent)
  }
}

const who = fc.constantFrom('anna', 'ben')
const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('send' as const), who }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('connect' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('replace' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.nat(60_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('power' as const),
      who,
      writes: fc.integer({ min: 1, max: 6 }),
      after: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('settle' as const) }) },
)
const schedule = fc.record({
  seed: fc.nat(),
  loss: fc.constantFrom(0, 0, 0.1, 0.4),
  doubling: fc.constantFrom(0, 0, 0.3),
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
})

test('whatever happens on the way, nothing is lost, doubled or out of causal order', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async ({ seed, loss, doubling, steps }) => {
      const chance = seededRandom(seed)
      const clock = new ManualClock()
      const network = new FakeNetwork()
      network.loses = () => chance.fraction() < loss
      network.doubles = () => chance.fraction() < doubling
      const anna = new Device(network, clock, ANNA, BEN)
      const ben = new Device(network, clock, BEN, ANNA)
      const both = [anna, ben]
      await Promise.all(both.map((each) => each.start()))
      network.connect(anna.host, ben.host)

      const revive = async (): Promise<void> => {
        for (const each of both.filter(({ store }) => store.dead)) {
          await each.end()
          network.disconnect(anna.host, ben.host)
          await each.start()
          network.connect(anna.host, ben.host)
        }
      }
      for (const each of steps) {
        await revive()
        if (each.type === 'send') void (each.who === 'anna' ? anna : ben).send()
        if (each.type === 'connect') network.connect(anna.host, ben.host)
        if (each.type === 'cut') network.disconnect(anna.host, ben.host)
        if (each.type === 'replace') network.renew(anna.host, ben.host)
        if (each.type === 'wait') clock.advance(each.ms)
        if (each.type === 'settle') await settled()
        if (each.type === 'power') {
          ;(each.who === 'anna' ? anna : ben).store.cutPower(each.writes, each.after)
        }
        for (let ticks = chance.fraction() * 20; ticks > 0; ticks -= 1) await Promise.resolve()
      }

      await settled()
      network.loses = () => false
      for (const each of both) if (!each.store.dead) each.store.restart()
      await revive()
      await settled()
      for (const each of both) await each.sendAgain()
      // Where a channel is left, it must heal by itself.
      if (anna.host.peers.path(BEN) === 'offline') network.connect(anna.host, ben.host)
      for (let minutes = 0; minutes < 12; minutes += 1) {
        await settled()
        clock.advance(60_000)
      }
      await settled()

      const shown = both.map(({ store }) => store.shown())
      const texts = shown.map((all) => all.map(({ payload }) => new TextDecoder().decode(payload)))
      expect(texts[0]).toEqual(texts[1])
      expect(texts[0]!.toSorted()).toEqual([...anna.intents, ...ben.intents].toSorted())
      expect(shown[0]!.map(({ id }) => id)).toEqual(shown[1]!.map(({ id }) => id))
      const place = new Map(shown[0]!.map(({ id }, index) => [id, index]))
      for (const device of both) {
        for (const [intent, seen] of device.seenBefore) {
          const effect = texts[0]!.indexOf(intent)
          for (const cause of seen) expect(place.get(cause)).toBeLessThan(effect)
        }
        const other = device === anna ? BEN : ANNA
        const { mine, theirs } = (await device.store.chains(other))!
        expect(mine.received).toBe(device.intents.length)
        if (theirs !== null) expect(await device.store.early(other, theirs.chain)).toEqual([])
      }
      for (const each of both) await each.end()
      expect(clock.pending).toBe(0)
    }),
    { numRuns: 300 },
  )
}, 60_000)
