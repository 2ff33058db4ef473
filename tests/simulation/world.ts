import { epochOf, openWithCard } from '#lib/crypto/mailbox-keys.ts'
import { unpad } from '#lib/crypto/padding.ts'
import { QUORUM, type Contactable } from '#lib/delivery/mailbox/deposits.ts'
import { equalBytes } from '#lib/protocol/codec.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { signpostRelays, type Signpost } from '#lib/protocol/signpost.ts'
import { MemorySignposts } from '../fixtures/memory-signposts.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { Device } from './device.ts'
import { DirectNetwork } from './direct-network.ts'
import { Faults } from './faults.ts'
import { Oracle } from './oracle.ts'
import { NAMES, PEOPLE, RELAY_SIGNERS } from './people.ts'
import { planOf, type Plan } from './plan.ts'
import { SimulatedRelay } from './relay.ts'
import { Trace } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'
import type { WatchedSealerInit } from './watched-sealer.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60_000

/** How soon all must have come right once everything is over (promises: numbers). */
const CONVERGENCE_MS = MINUTE_MS

/** How long mailboxes alone may take: some visits at every relay, and words that keys are lost, twice in half an hour each. */
const MAILBOXES_MS = 90 * MINUTE_MS

/** Faults by which keys are lost, or what they open comes when they are kept no longer. */
const LOSING_KEYS = [
  'keys lost',
  'backup restored',
  'history deleted',
  'sessions let go',
  'sleep beyond 30 days',
]

export interface Outcome {
  seed: number
  /** SHA-256 of all that happened. */
  hash: string
  violations: string[]
  acknowledged: number
  /** How often each fault occurred. */
  faults: Record<string, number>
}

/** People, their devices, relays and all between them, for one seed. */
export class World {
  readonly time = new VirtualTime(Date.UTC(2026, 0, 1))
  readonly faults: Faults
  readonly plan: Plan
  readonly trace: Trace
  readonly oracle: Oracle
  readonly sealedIn: WatchedSealerInit['sealedIn'] = new Map()
  readonly letGo: WatchedSealerInit['letGo'] = new Set()
  readonly network: DirectNetwork
  readonly relays: readonly SimulatedRelay[]
  readonly devices: readonly Device[]
  readonly #seed: number
  #said = 0
  /** From now on nobody is met. */
  #isApart = false

  constructor(seed: number, show: ((line: string) => void) | null) {
    const random = seededRandom(seed)
    this.#seed = seed
    this.plan = planOf(random)
    this.trace = new Trace(show)
    this.faults = new Faults(random, this.plan.rates)
    this.network = new DirectNetwork(this.time, this.faults, (a, b) => {
      this.#meet(a, b)
    })
    const signposts = new MemorySignposts((signpost) => {
      this.#onSignpost(signpost)
    })
    this.relays = this.plan.vices.map(
      (vice, at) =>
        new SimulatedRelay(
          at + 1,
          RELAY_SIGNERS[at]!,
          vice,
          this.plan.relaySkewsMs[at]!,
          this.time,
          this.faults,
          signposts,
          (what, refusal) => {
            this.trace.add(this.time.nowMs, what)
            // Requests are well-formed, and a relay can keep what there is room for.
            if (['mailbox-malformed', 'mailbox-failed'].includes(refusal)) this.oracle.fail(what)
          },
        ),
    )
    this.oracle = new Oracle(
      this.relays,
      () => LOSING_KEYS.some((fault) => this.faults.counts.has(fault)),
      (line) => {
        this.trace.add(this.time.nowMs, line)
      },
    )
    this.devices = this.plan.deviceSkewsMs.map(
      (skewMs, at) => new Device(this, NAMES[at]!, PEOPLE[at]!, skewMs),
    )
    for (const [at, [one, other]] of this.plan.pairs.entries()) {
      const [a, b] = [this.devices[one]!, this.devices[other]!]
      a.friends.push(b.peer)
      b.friends.push(a.peer)
      if (this.plan.met[at] !== true) {
        this.network.cut(a.peer, b.peer)
        continue
      }
      a.disk.heard.add(b.peer)
      b.disk.heard.add(a.peer)
    }
  }

  deviceOf(peer: PeerIdString): Device {
    return this.devices.find((device) => device.peer === peer)!
  }

  /** What others have of this one. */
  cardOf(peer: PeerIdString): Contactable {
    const { keyCommitment } = this.deviceOf(peer).identity
    return { relays: this.relays.slice(0, 3).map(({ address }) => address), keyCommitment }
  }

  note(device: Device, what: string): void {
    this.trace.add(this.time.nowMs, `${device.name} ${what}`)
  }

  /** Whose it is and where it leads, their card tells. */
  #onSignpost({ mailbox, sealed, sequence }: Signpost): void {
    const epoch = epochOf(sequence)
    const { identity } = this.devices.find((device) =>
      equalBytes(device.identity.introductionMailbox(epoch).publicKey, mailbox),
    )!
    const relays = signpostRelays.decode(unpad(openWithCard(identity, epoch, sealed)))
    this.oracle.signposted(identity.peer, relays.length)
  }

  async run(): Promise<Outcome> {
    const onRejection = (error: unknown): void => {
      this.oracle.fail(`unhandled: ${error instanceof Error ? error.stack : String(error)}`)
    }
    process.on('unhandledRejection', onRejection)
    try {
      for (const device of this.devices) device.start()
      await this.time.pass(5 * SECOND_MS)
      while (this.#said < this.plan.messages && this.oracle.violations.length === 0) {
        await this.#step(true)
      }
      if (this.plan.mailboxesAlone !== null) await this.#part(this.plan.mailboxesAlone)
      for (let each = 0; each < this.plan.quietSteps; each += 1) await this.#step(false)
      await this.#heal()
    } finally {
      process.off('unhandledRejection', onRejection)
    }
    return {
      seed: this.#seed,
      hash: this.trace.digest(),
      violations: this.oracle.violations,
      acknowledged: this.oracle.acknowledged.size,
      faults: Object.fromEntries(this.faults.counts),
    }
  }

  /** From now on nobody is met; as they part, something may happen that is best told to who is met. */
  async #part(how: 'cut' | 'hanging'): Promise<void> {
    const { forget, loseKeys, restore } = this.plan.events
    const device = this.faults.oneOf(this.devices)
    const friend = this.faults.oneOf(device.friends)
    const last = [
      ...(forget > 0 ? [() => this.#forget(device, friend)] : []),
      ...(loseKeys > 0 ? [() => this.#loseKeys(device, friend)] : []),
      ...(restore > 0 ? [() => this.#restore(device, friend)] : []),
    ]
    if (last.length > 0) await this.faults.oneOf(last)()
    this.#isApart = true
    for (const [a, b] of this.#pairs()) {
      if (how === 'cut') this.network.cut(a.peer, b.peer)
      else this.network.hang(a.peer, b.peer)
    }
  }

  /** @param talking else people write no more than belongs to what happens, and more time passes */
  async #step(talking: boolean): Promise<void> {
    const { faults, plan } = this
    const { events } = plan
    const device = faults.oneOf(this.devices)
    const friend = faults.oneOf(device.friends)
    const relay = faults.oneOf(this.relays)
    const steps: [number, () => Promise<void> | void][] = [
      [
        talking ? 6 : 0,
        () => {
          this.#burst(device, friend)
        },
      ],
      [6, () => this.time.pass(faults.between(0, 4 * SECOND_MS))],
      [talking ? 0.5 : 4, () => this.time.pass(faults.between(0, 3 * MINUTE_MS))],
      [
        2,
        () => {
          device.read(friend)
        },
      ],
      [
        events.restart,
        () => {
          this.#restart(device)
        },
      ],
      [
        events.crash,
        () => {
          this.#powerCut(device)
        },
      ],
      [
        events.sleep,
        () => {
          this.#sleep(device)
        },
      ],
      [
        this.#isApart ? 0 : events.cut,
        () => {
          this.#cut(device, friend)
        },
      ],
      [
        events.relayDown,
        () => {
          this.#relayDown(relay)
        },
      ],
      [
        events.unreachable,
        () => {
          this.#unreachable(device, relay)
        },
      ],
      [
        events.narrow,
        () => {
          this.#narrow(relay)
        },
      ],
      [
        events.fill,
        () => {
          this.#fill(device)
        },
      ],
      [events.loseKeys, () => this.#loseKeys(device, friend)],
      [events.forget, () => this.#forget(device, friend)],
      [
        events.backup,
        () => {
          device.backup()
        },
      ],
      [events.restore, () => this.#restore(device, friend)],
      [events.longSleep, () => this.#longSleep()],
    ]
    let at = faults.random.fraction() * steps.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, step] of steps) {
      at -= weight
      if (at >= 0) continue
      await step()
      break
    }
    for (const each of this.devices) if (!each.on && faults.oneIn(10)) each.start()
    await this.time.pass(faults.oneIn(3) ? faults.between(0, 300) : 0)
  }

  #burst(device: Device, friend: PeerIdString, isLong = this.faults.oneIn(8)): void {
    const count = isLong ? 12 : 1 + this.faults.below(3)
    for (let each = 0; each < count; each += 1) {
      device.say(friend, `${device.name} ${(this.#said += 1)}`)
    }
    if (!device.on && this.faults.oneIn(2)) device.start()
  }

  #restart(device: Device): void {
    if (device.on) device.stop()
    else device.start()
    this.faults.count('restart')
  }

  #powerCut(device: Device): void {
    this.faults.count('power cut')
    device.crash()
  }

  #sleep(device: Device): void {
    if (device.awake) {
      this.faults.count('sleep')
      device.sleep()
    } else {
      device.wake()
    }
  }

  #cut(device: Device, friend: PeerIdString): void {
    if (this.network.isCut(device.peer, friend)) this.network.join(device.peer, friend)
    else if (this.faults.oneIn(4)) this.network.renew(device.peer, friend)
    else {
      this.faults.count('partition')
      this.network.cut(device.peer, friend)
    }
  }

  #relayDown(relay: SimulatedRelay): void {
    relay.up = !relay.up
    for (const device of this.devices) device.relaysChanged()
    if (!relay.up) this.faults.count('relay down')
  }

  #unreachable(device: Device, relay: SimulatedRelay): void {
    if (device.unreachable.delete(relay)) return
    device.unreachable.add(relay)
    this.faults.count('relay out of reach')
  }

  #narrow(relay: SimulatedRelay): void {
    const isNarrow = this.faults.oneIn(2)
    relay.store.narrow(isNarrow)
    if (isNarrow) this.faults.count('relay full')
  }

  /** Something else takes all the room on a device, or gives it back. */
  #fill({ disk }: Device): void {
    disk.isFull = !disk.isFull
    if (disk.isFull) this.faults.count('disk full')
  }

  /** A history is deleted while much is said in it: some of that may have come without what is before it. */
  async #forget(device: Device, friend: PeerIdString): Promise<void> {
    this.#burst(this.deviceOf(friend), device.peer, true)
    await this.time.pass(this.faults.between(50, 800))
    device.forget(friend)
  }

  /** What was written to it while it was off waits for it without its keys; the other may have lost theirs, too. */
  async #loseKeys(device: Device, friend: PeerIdString): Promise<void> {
    device.stop()
    this.#burst(this.deviceOf(friend), device.peer)
    await this.time.pass(this.faults.between(0, 20 * SECOND_MS))
    device.loseKeys()
    if (this.faults.oneIn(3)) this.deviceOf(friend).loseKeys()
    if (this.faults.oneIn(2)) device.start()
    await this.time.pass(this.faults.between(0, 2 * SECOND_MS))
  }

  /** Now and then the new device is gone soon after, and the other hears late of some of what was said on it. */
  async #restore(device: Device, friend: PeerIdString): Promise<void> {
    if (!device.restore() || this.faults.oneIn(2)) return
    const reader = this.deviceOf(friend)
    device.start()
    this.#burst(device, friend)
    await this.time.pass(this.faults.between(0, 20 * SECOND_MS))
    reader.stop()
    this.#burst(device, friend, true)
    await this.time.pass(this.faults.between(0, 20 * SECOND_MS))
    if (!device.restore()) return
    device.start()
    this.#burst(device, friend, false)
    for (const relay of this.relays) reader.unreachable.add(relay)
    if (!this.#isApart) this.network.join(device.peer, friend)
    reader.start()
    await this.time.pass(this.faults.between(SECOND_MS, 6 * SECOND_MS))
    reader.unreachable.clear()
  }

  /** Everybody's device sleeps or is off for long. */
  async #longSleep(): Promise<void> {
    const ms = this.faults.random.fraction() * this.plan.longestSleepMs
    this.faults.count(ms > 30 * 24 * 60 * MINUTE_MS ? 'sleep beyond 30 days' : 'long sleep')
    for (const device of this.devices) {
      if (this.faults.oneIn(2)) device.sleep()
      else device.stop()
    }
    await this.time.pass(SECOND_MS)
    for (const device of this.devices) device.sleep()
    await this.time.pass(ms)
    for (const device of this.devices) if (this.faults.oneIn(2)) device.wake()
  }

  /** Every fault is over, and everybody online. */
  async #heal(): Promise<void> {
    const { network, devices, faults, oracle, plan, relays } = this
    this.trace.add(this.time.nowMs, 'healed')
    faults.heal()
    for (const { store } of relays) store.heal()
    for (const device of devices) {
      device.unreachable.clear()
      device.disk.isFull = false
    }
    if (plan.mailboxesAlone !== null && plan.outage) {
      for (const relay of relays) relay.up = false
      for (const device of devices.filter(({ awake }) => awake)) {
        for (const friend of device.friends)
          device.say(friend, `${device.name} ${(this.#said += 1)}`)
      }
      await this.time.pass(MINUTE_MS)
    }
    for (const relay of relays) relay.up = true
    for (const device of devices) device.relaysChanged()
    const wakeAll = async (): Promise<void> => {
      for (const device of devices) {
        device.start()
        device.wake()
        device.sendAgain()
      }
      await this.time.pass(0)
    }
    const lostKeys = faults.counts.has('keys lost') || faults.counts.has('backup restored')
    // What strangers sealed for keys that are lost names nobody who could be told: they say it again when they meet. So do
    // two who have both restored a backup: each has sealed for the other what says so with keys that are lost as well.
    const reachable = (): [Device, Device][] =>
      this.#pairs().filter(([a, b]) => {
        const known = a.knowsPlaceOf(b.peer) && b.knowsPlaceOf(a.peer)
        const estranged = a.estranged.has(b.peer) || b.estranged.has(a.peer)
        return (!lostKeys || known) && !estranged && !(a.wasRestored && b.wasRestored)
      })
    if (plan.mailboxesAlone !== null) {
      await this.time.pass(MINUTE_MS)
      for (
        let waited = 0;
        waited < MAILBOXES_MS && this.#lacking(reachable(), true).length > 0;
        waited += MINUTE_MS
      ) {
        // By their own clocks: nobody has them try at once.
        for (const device of devices) {
          device.start()
          if (!device.awake) device.wake()
          device.sendAgain()
        }
        await this.time.pass(MINUTE_MS)
      }
      // What a relay lost after its receipt is missed when more comes, and known to those who meet.
      // Two that lie may be the two that gave the receipts.
      const liars = plan.vices.filter((vice) => vice !== 'none').length
      if (liars === 0 || (liars < QUORUM && plan.vices.length > QUORUM)) {
        for (const what of this.#lacking(reachable(), true)) oracle.fail(`${what} by mailboxes`)
      }
    }
    for (const [a, b] of this.#pairs()) {
      // Frames that are a day late hold a channel up until another takes its place.
      network.renew(a.peer, b.peer)
      network.join(a.peer, b.peer)
    }
    // What is on its way out comes to its end.
    await this.time.pass(5 * SECOND_MS)
    await wakeAll()
    await this.time.pass(CONVERGENCE_MS)
    for (const what of this.#lacking()) oracle.fail(what)
    this.#checkDisks()
    for (const device of devices) device.stop()
    await this.time.pass(0)
    for (const device of devices) if (device.on) oracle.fail(`${device.name} does not stop`)
  }

  /**
   * What is missing until all have come right.
   * @param apart they do not meet: that a history was deleted, and what would close a gap with it, the next message tells
   */
  #lacking(pairs = this.#pairs(), apart = false): string[] {
    const found: string[] = []
    for (const [a, b] of pairs) {
      found.push(...this.oracle.lacking(a.peer, b.peer))
      for (const [one, other] of [
        [a, b],
        [b, a],
      ] as const) {
        const { chains, early } = one.disk.of(other.peer)
        if (chains !== null && chains.mine.received !== chains.mine.sequence) {
          found.push(
            `${one.name} knows of ${chains.mine.received} of ${chains.mine.sequence} that ${other.name} has them`,
          )
        }
        const theirs = other.disk.of(one.peer).chains?.mine
        const isDeleted = theirs?.sequence === 0 && theirs.chain !== chains?.theirs?.chain
        if (apart && isDeleted) continue
        if (early.some(({ chain }) => chain === chains?.theirs?.chain)) {
          found.push(`${one.name} waits for what does not come of ${other.name}`)
        }
      }
    }
    for (const { name, intents } of this.devices) {
      const waiting = intents.filter(({ acknowledged }) => !acknowledged)
      if (waiting.length > 0) found.push(`${name} could not send ${waiting.length}`)
    }
    return found
  }

  #checkDisks(): void {
    for (const { peer, friends, disk } of this.devices) {
      for (const friend of friends) this.oracle.checkDisk(peer, friend, disk.of(friend).messages)
    }
  }

  #pairs(): [Device, Device][] {
    return this.plan.pairs.map(([a, b]) => [this.devices[a]!, this.devices[b]!])
  }

  #meet(a: PeerIdString, b: PeerIdString): void {
    this.deviceOf(a).meet(b)
    this.deviceOf(b).meet(a)
  }
}
