import type { NodeIdentity } from '#lib/crypto/api.ts'
import { Delivery } from '#lib/delivery/delivery.ts'
import { Devices } from '#lib/delivery/devices.ts'
import { MailboxMail } from '#lib/delivery/mailbox/mail.ts'
import { InvalidDataError, StarlingError, StorageFullError } from '#lib/protocol/errors.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import type { Logger } from '#lib/protocol/seams.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { Disk, DiskStore } from './disk.ts'
import type { World } from './world.ts'
import { Life } from './life.ts'
import type { Seen } from './oracle.ts'
import { MailboxNetwork } from './mailbox-network.ts'
import type { SimulatedRelay } from './relay.ts'
import { WatchedSealer } from './watched-sealer.ts'

/** One-time prekeys of a publication: they are most of its cost, and with few of them they run out. */
const PUBLISHED = 2

/** What a hello says: whether theirs was heard. */
const HELLO = { mutual: new Uint8Array([1]), first: new Uint8Array([0]) }

/** Backup files that are not thrown away. */
const KEPT_BACKUPS = 2

const NEVER_WOKEN = { get: () => Promise.resolve(undefined), put: () => Promise.resolve() }

interface Program {
  life: Life
  delivery: Delivery
  mail: MailboxMail
  started: Promise<void>
  /** Ended on purpose, and not there yet. */
  stopping: boolean
}

/** What a person wants to say. */
interface Intent {
  to: PeerIdString
  text: string
  /** On its way to the disk. */
  trying: boolean
  acknowledged: boolean
}

/** A person and their device: the program on it comes and goes, the disk stays. */
export class Device {
  readonly name: string
  readonly identity: NodeIdentity
  readonly skewMs: number
  disk: Disk
  intents: Intent[] = []
  readonly unreachable = new Set<SimulatedRelay>()
  readonly #world: World
  /** Those they have. */
  readonly friends: PeerIdString[] = []
  /** Another installation than at first. */
  wasRestored = false
  /** Those who were not met yet when the backup was made that was restored. */
  readonly estranged = new Set<PeerIdString>()
  readonly #backups: { disk: Disk; seen: Seen }[] = []
  /** Sessions with each, as far as is known. */
  readonly #sessions = new Map<PeerIdString, string[]>()
  #program: Program | null = null

  constructor(world: World, name: string, identity: NodeIdentity, skewMs: number) {
    this.#world = world
    this.name = name
    this.identity = identity
    this.skewMs = skewMs
    this.disk = new Disk(world.faults.random.bytes(16))
  }

  get peer(): PeerIdString {
    return this.identity.peer
  }

  get on(): boolean {
    return this.#program !== null
  }

  get awake(): boolean {
    return this.#program !== null && !this.#program.life.asleep && !this.#program.stopping
  }

  start(): void {
    if (this.#program !== null) return
    const { time, faults, network, oracle, relays } = this.#world
    const life = new Life(time, this.skewMs)
    this.#world.note(this, 'starts')
    const store = new DiskStore(this.disk, life, faults, oracle.watcherOf(this.peer), () => {
      this.crash(life)
    })
    const random = seededRandom(faults.below(2 ** 32))
    const sealer = new WatchedSealer(
      {
        identity: this.identity,
        sessions: store,
        prekeys: store,
        keyCommitmentOf: (peer) => this.#world.deviceOf(peer).identity.keyCommitment,
        clock: life,
        random,
      },
      {
        ...{ sealedIn: this.#world.sealedIn, letGo: this.#world.letGo, held: this.#sessions },
        onFull: () => {
          faults.count('sessions let go')
        },
        fail: (what) => {
          oracle.fail(`${this.name}: ${what}`)
        },
      },
    )
    const logger = this.#logger()
    const devices = new Devices(
      { identity: this.identity, store, clock: life },
      {
        onReplaced: () => {
          oracle.fail(`${this.name} was replaced by nobody`)
        },
      },
    )
    const delivery: Delivery = new Delivery(
      {
        identity: this.identity,
        channels: network.channels(this.peer, life),
        store,
        devices,
        sealer,
        mail: {
          post: (peer) => {
            mail.post(peer)
          },
          place: (peer) => mail.place(peer),
        },
        clock: life,
        random,
        logger,
      },
      {
        protocol: '/simulation/1.0.0',
        accept: (peer) => this.#has(peer),
        has: (peer) => this.friends.includes(peer),
        check: (payload) => {
          if (payload.byteLength === 0) throw new InvalidDataError('no text')
        },
        tellsRead: () => true,
        hello: (peer) => {
          if (!this.friends.includes(peer)) return null
          return this.disk.heard.has(peer) ? HELLO.mutual : HELLO.first
        },
        hear: async (peer, hello) => {
          if (!this.friends.includes(peer)) return false
          await this.#hear(store, delivery, peer, hello)
          return true
        },
      },
    )
    const mail: MailboxMail = new MailboxMail(
      {
        identity: this.identity,
        devices,
        sealer: { publish: (count) => sealer.publish(Math.min(count, PUBLISHED)) },
        transport: new MailboxNetwork(
          { time, faults, life },
          { relays, source: this.name, reaches: (relay) => !this.unreachable.has(relay) },
        ),
        store,
        wakeUps: NEVER_WOKEN,
        marks: store,
        clock: life,
        random,
        logger,
      },
      {
        delivery,
        relays: () => relays.filter(({ up }) => up).map(({ address }) => address),
        contacts: () => this.friends,
        contactable: (peer) => (this.friends.includes(peer) ? this.#world.cardOf(peer) : null),
      },
    )
    const starting = async (): Promise<void> => {
      await delivery.start()
      await mail.start()
      for (const peer of this.friends) {
        if (!this.disk.heard.has(peer)) await delivery.post.owe(peer, 'hello')
      }
    }
    const started = starting()
    this.#program = { life, delivery, mail, started, stopping: false }
    this.#try('start', async () => {
      try {
        await started
      } catch (error) {
        // The person closes what did not start.
        this.crash(life)
        throw error
      }
      this.sendAgain()
    })
  }

  /** The person closes the program; whoever opens it again first waits for that. */
  stop(): void {
    const program = this.#program
    if (program === null || program.stopping) return
    program.life.wake()
    program.stopping = true
    this.#world.note(this, 'stops')
    this.#try('stop', async () => {
      await program.started
      await program.mail.stop()
      await program.delivery.stop()
      this.#world.note(this, 'stopped')
      const { pending } = program.life
      if (pending > 0) this.#world.oracle.fail(`${this.name}: ${pending} timers after the stop`)
      program.life.end()
      if (this.#program === program) this.#program = null
      this.#rest()
    })
  }

  crash(life = this.#program?.life): void {
    if (life === undefined || life.dead) return
    life.end()
    this.#world.note(this, 'crashes')
    this.#world.network.lost(this.peer)
    if (this.#program?.life === life) this.#program = null
    this.#rest()
  }

  sleep(): void {
    if (this.awake) this.#program!.life.sleep()
  }

  /** The device is back from its sleep: everything is tried at once. */
  wake(): void {
    const program = this.#program
    if (program === null || program.stopping) return
    program.life.wake()
    program.mail.wake()
    this.#world.network.dialAll()
  }

  /** Other relays answer now. */
  relaysChanged(): void {
    if (this.awake) this.#program!.mail.relaysChanged()
  }

  /** The person writes; what fails they send again later. */
  say(to: PeerIdString, text: string): void {
    const intent = { to, text, trying: false, acknowledged: false }
    this.intents.push(intent)
    this.#send(intent)
  }

  sendAgain(): void {
    for (const intent of this.intents) {
      if (!intent.acknowledged && !intent.trying) this.#send(intent)
    }
  }

  /** Reads all there is of a conversation. */
  read(peer: PeerIdString): void {
    const program = this.#program
    if (!this.awake || program === null) return
    const all = [...this.disk.of(peer).messages.values()].filter(({ mine }) => !mine)
    const last = all.toSorted((a, b) => a.clock - b.clock).at(-1)
    if (last === undefined) return
    this.#world.oracle.isReading(this.peer, peer, last)
    this.#try('read', () => program.delivery.markRead(peer, last.id))
  }

  forget(peer: PeerIdString): void {
    const program = this.#program
    if (!this.awake || program === null) return
    // What was being said is said anew afterwards, in the empty conversation.
    if (this.intents.some(({ to, acknowledged }) => to === peer && !acknowledged)) return
    this.#world.faults.count('history deleted')
    this.#try('forget', () => program.delivery.forget(peer))
  }

  /** The power goes, and what comes back has no keys any more. */
  loseKeys(): void {
    this.crash()
    this.disk.loseKeys(this.#world.faults.random.bytes(16))
    this.#world.faults.count('keys lost')
    this.#world.note(this, 'has lost its keys')
  }

  /** A backup is made, and kept elsewhere. */
  backup(): void {
    if (!this.awake) return
    this.#backups.push({ disk: this.disk.backup(), seen: this.#world.oracle.seenBy(this.peer) })
    if (this.#backups.length > KEPT_BACKUPS) this.#backups.shift()
    this.#world.note(this, 'makes a backup')
  }

  /** The device is gone, and another goes on from a backup. What its person was about to say nobody says any more. */
  restore(): boolean {
    if (this.#backups.length === 0 || (this.wasRestored && !this.#isKnown())) return false
    const { faults, oracle, time } = this.#world
    this.crash()
    const { disk, seen } = faults.oneOf(this.#backups)
    this.disk = disk.restored(this.peer, Math.floor(time.nowMs + this.skewMs), faults.random)
    this.intents = this.intents.filter(({ acknowledged }) => acknowledged)
    this.wasRestored = true
    for (const friend of this.friends) if (!disk.heard.has(friend)) this.estranged.add(friend)
    oracle.restored(this.peer, seen, disk, this.disk)
    faults.count('backup restored')
    this.#world.note(this, 'has restored a backup')
    return true
  }

  /**
   * Whether all whom this installation has written to have heard of it. Of two that begin from one backup, what comes late
   * of the first cannot be told from what comes early of the second by who knows neither.
   */
  #isKnown(): boolean {
    return this.friends.every((friend) => {
      const mine = this.disk.of(friend).chains?.mine
      const known = this.#world.deviceOf(friend).disk.of(this.peer).chains
      if (mine === undefined || mine.sequence === 0 || known?.theirs?.chain === mine.chain)
        return true
      return known?.past.includes(mine.chain) === true
    })
  }

  /** They meet: each hears that the other has them. */
  meet(peer: PeerIdString): void {
    const program = this.#program
    if (program === null || this.disk.heard.has(peer)) return
    this.disk.heard.add(peer)
    this.#try('meet', async () => {
      await program.delivery.post.owesNot(peer, 'hello')
      program.delivery.offer(peer)
    })
  }

  /** Whether it has a pass of theirs: what is sealed with it says whom it is from, also when it does not open. */
  knowsPlaceOf(peer: PeerIdString): boolean {
    return this.disk.heard.has(peer) && this.disk.of(peer).place !== null
  }

  #has(peer: PeerIdString): boolean {
    return this.friends.includes(peer) && this.disk.heard.has(peer)
  }

  async #hear(
    store: DiskStore,
    delivery: Delivery,
    peer: PeerIdString,
    hello: Uint8Array,
  ): Promise<void> {
    const isNew = !this.disk.heard.has(peer)
    if (isNew) await store.putHeard(peer)
    const isMutual = hello[0] === HELLO.mutual[0]
    // As contacts do: it is not waited for, since the turn of this conversation is on.
    this.#try('answer', () =>
      isMutual ? delivery.post.owesNot(peer, 'hello') : delivery.post.owe(peer, 'hello'),
    )
    if (!isNew) return
    this.#world.faults.count('hello by mailbox')
    delivery.offer(peer)
  }

  #send(intent: Intent): void {
    const program = this.#program
    if (!this.awake || program === null) return
    intent.trying = true
    const { to, text } = intent
    const attempt = async (): Promise<void> => {
      const id: MessageId = await program.delivery.send(to, new TextEncoder().encode(text), text)
      this.#world.oracle.told(this.peer, to, text, id)
      intent.acknowledged = true
    }
    this.#try('send', attempt, () => {
      intent.trying = false
    })
  }

  /** What was begun with the program ended with it. */
  #rest(): void {
    for (const intent of this.intents) intent.trying = false
  }

  #try(what: string, work: () => Promise<void>, done: () => void = () => undefined): void {
    void work()
      .catch((error: unknown) => {
        if (error instanceof StorageFullError) return
        this.#world.oracle.fail(`${this.name}: ${what} failed: ${describe(error)}`)
      })
      .finally(done)
  }

  #logger(): Logger {
    const log = (text: string): void => {
      this.#world.note(this, `  ${text}`)
      if (/TypeError|RangeError|ReferenceError/.test(text)) this.#world.oracle.fail(text)
    }
    return {
      debug: log,
      info: log,
      warn: log,
      error: (text, cause) => {
        log(`${text}: ${String(cause)}`)
        if (cause instanceof StarlingError) return
        this.#world.oracle.fail(`${this.name}: ${text}: ${describe(cause)}`)
      },
    }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? String(error)) : String(error)
}
