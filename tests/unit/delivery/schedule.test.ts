import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NodeIdentity } from '#lib/crypto/api.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { Delivery } from '#lib/delivery/delivery.ts'
import { DexiePrekeyStore, type PrekeyStore } from '#lib/delivery/prekey-store.ts'
import { RatchetSealer } from '#lib/delivery/ratchet-sealer.ts'
import { type Sealer } from '#lib/delivery/seams.ts'
import { DexieDeliveryStore, type DeliveryStore } from '#lib/delivery/store.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import { ChatJournal } from '#lib/features/chat/journal.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import { systemClock, type Random } from '#lib/protocol/seams.ts'
import { FakeNetwork, settled, silentLogger, type FakeHost } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { plainSealer } from '../../fixtures/plain-sealer.ts'
import { PowerSupply } from '../../fixtures/power-cut.ts'
import { oneDevice } from '../../fixtures/devices.ts'
import { noHello, noMail } from '../../fixtures/no-mail.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { noFiles } from '../../fixtures/no-files.ts'

const identities = await Promise.all(
  [1, 2].map((seed) => openIdentity(createSecrets(seededRandom(seed)))),
)
const [ANNA, BEN] = identities.map(({ peer }) => peer) as [PeerIdString, PeerIdString]
const identityOf = (peer: PeerIdString): NodeIdentity => identities.find((it) => it.peer === peer)!
const PROTOCOL = '/test/1.0.0'

/** Where a device keeps what it must remember, and its power. */
interface Disk {
  store: DeliveryStore
  power: Pick<PowerSupply, 'cutPower' | 'dead' | 'restart'>
  sealer(me: PeerIdString, clock: ManualClock, random: Random): Sealer
  /** All keys are lost, as when an old backup is taken; null where none are kept. */
  loseKeys: (() => void) | null
  /** What a person sees, in order. */
  shown(): Promise<{ id: MessageId; text: string }[]>
}

interface DiskKind {
  kind: string
  make: (me: PeerIdString) => Disk
  /** Turns of the event loop after which everything that was started has come to rest. */
  turns: number
  runs: number
}

function memoryDisk(store: MemoryDeliveryStore): Disk {
  const shown = () =>
    store.shown().map(({ id, payload }) => {
      const said = payloadCodec.decode(payload)
      return { id, text: said.type === 'text' ? said.text : said.type }
    })
  return {
    store,
    power: store,
    sealer: () => plainSealer,
    loseKeys: null,
    shown: () => Promise.resolve(shown()),
  }
}

const inMemory: DiskKind = {
  kind: 'in memory',
  make: () => memoryDisk(new MemoryDeliveryStore()),
  turns: 3,
  runs: 300,
}

const sealed: DiskKind = {
  kind: 'sealed, in memory',
  make: () => {
    const store = new MemoryDeliveryStore()
    return {
      ...memoryDisk(store),
      sealer: (me, clock, random) => ratchetSealer(me, store, store, clock, random),
      loseKeys: () => {
        store.loseKeys()
      },
    }
  },
  turns: 12,
  runs: 40,
}

const inTheDatabase: DiskKind = {
  kind: 'in the database',
  make: (me) => {
    const db = memoryDatabase()
    const power = new PowerSupply(db)
    const store = new DexieDeliveryStore(
      db,
      new ChatJournal(db, me, systemClock, noFiles),
      systemClock,
    )
    return {
      store,
      power,
      sealer: (peer, clock, random) =>
        ratchetSealer(peer, store, new DexiePrekeyStore(db), clock, random),
      loseKeys: null,
      shown: async () =>
        (await db.messages.toArray()).sort((a, b) => a.clock - b.clock || (a.id < b.id ? -1 : 1)),
    }
  },
  turns: 100,
  runs: 20,
}

function ratchetSealer(
  peer: PeerIdString,
  sessions: Pick<DeliveryStore, 'sessions'>,
  prekeys: PrekeyStore,
  clock: ManualClock,
  random: Random,
): RatchetSealer {
  const keyCommitmentOf = (other: PeerIdString): Uint8Array => identityOf(other).keyCommitment
  const identity = identityOf(peer)
  return new RatchetSealer({ identity, sessions, prekeys, keyCommitmentOf, clock, random })
}

/** One person's device: the program on it comes and goes, the store stays. */
class Device {
  readonly disk: Disk
  readonly intents: string[] = []
  /** What its person had seen when they first wanted to send a message. */
  readonly seenBefore = new Map<string, MessageId[]>()
  readonly host: FakeHost
  readonly #clock: ManualClock
  readonly #other: PeerIdString
  readonly #random
  #delivery: Delivery | null = null

  constructor(
    network: FakeNetwork,
    clock: ManualClock,
    me: PeerIdString,
    other: PeerIdString,
    disk: Disk,
  ) {
    this.disk = disk
    this.host = network.host(me)
    this.#clock = clock
    this.#other = other
    this.#random = seededRandom(me === ANNA ? 11 : 22)
  }

  async start(): Promise<void> {
    this.disk.power.restart()
    this.#delivery = new Delivery(
      {
        identity: { peer: this.host.peer },
        channels: this.host.channels,
        store: this.disk.store,
        sealer: this.disk.sealer(this.host.peer, this.#clock, this.#random),
        devices: oneDevice,
        mail: noMail,
        clock: this.#clock,
        random: this.#random,
        logger: silentLogger,
      },
      {
        protocol: PROTOCOL,
        accept: () => true,
        check: () => undefined,
        tellsRead: () => true,
        ...noHello,
      },
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
    const delivery = this.#delivery!
    try {
      if (!this.seenBefore.has(intent)) {
        this.intents.push(intent)
        this.seenBefore.set(intent, [])
        this.seenBefore.set(
          intent,
          (await this.disk.shown()).map(({ id }) => id),
        )
      }
      const payload = payloadCodec.encode({ type: 'text', text: intent })
      await delivery.send(this.#other, payload, intent)
    } catch (error) {
      // The power may be back already.
      if (!String(error).includes('PowerCut')) throw error
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
  { weight: 1, arbitrary: fc.record({ type: fc.constant('lose keys' as const), who }) },
)
const schedule = fc.record({
  seed: fc.nat(),
  loss: fc.constantFrom(0, 0, 0.1, 0.4),
  doubling: fc.constantFrom(0, 0, 0.3),
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
})

test.each([inMemory, sealed, inTheDatabase])(
  'whatever happens on the way, nothing is lost, doubled or out of causal order $kind',
  async ({ make, turns, runs }) => {
    await fc.assert(
      fc.asyncProperty(schedule, async ({ seed, loss, doubling, steps }) => {
        const chance = seededRandom(seed)
        const clock = new ManualClock()
        const network = new FakeNetwork()
        network.loses = () => chance.fraction() < loss
        network.doubles = () => chance.fraction() < doubling
        const anna = new Device(network, clock, ANNA, BEN, make(ANNA))
        const ben = new Device(network, clock, BEN, ANNA, make(BEN))
        const both = [anna, ben]
        await Promise.all(both.map((each) => each.start()))
        network.connect(anna.host, ben.host)

        const revive = async (): Promise<void> => {
          for (const each of both.filter(({ disk }) => disk.power.dead)) {
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
          if (each.type === 'settle') await settled(turns)
          if (each.type === 'lose keys') {
            const device = each.who === 'anna' ? anna : ben
            if (device.disk.loseKeys !== null) {
              await device.end()
              device.disk.loseKeys()
              network.disconnect(anna.host, ben.host)
              await device.start()
              network.connect(anna.host, ben.host)
            }
          }
          if (each.type === 'power') {
            ;(each.who === 'anna' ? anna : ben).disk.power.cutPower(each.writes, each.after)
          }
          for (let ticks = chance.fraction() * 20; ticks > 0; ticks -= 1) await Promise.resolve()
        }

        await settled(turns)
        network.loses = () => false
        for (const each of both) if (!each.disk.power.dead) each.disk.power.restart()
        await revive()
        await settled(turns)
        for (const each of both) await each.sendAgain()
        // Where a channel is left, it must heal by itself.
        if (anna.host.peers.path(BEN) === 'offline') network.connect(anna.host, ben.host)
        for (let minutes = 0; minutes < 12; minutes += 1) {
          await settled(turns)
          clock.advance(60_000)
        }
        await settled(turns)

        const shown = await Promise.all(both.map(({ disk }) => disk.shown()))
        const texts = shown.map((all) => all.map(({ text }) => text))
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
          const { mine, theirs } = (await device.disk.store.chains(other))!
          expect(mine.received).toBe(device.intents.length)
          if (theirs !== null)
            expect(await device.disk.store.early(other, theirs.chain)).toEqual([])
        }
        for (const each of both) await each.end()
        expect(clock.pending).toBe(0)
      }),
      { numRuns: runs },
    )
  },
  60_000,
)
