import type { Chains, Delivered, Outgoing } from '#lib/delivery/chain.ts'
import { QUORUM } from '#lib/delivery/mailbox/deposits.ts'
import { markOf } from '#lib/delivery/seams.ts'
import type { ChainId, MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import type { Disk, DiskWatcher } from './disk.ts'
import type { SimulatedRelay } from './relay.ts'

interface Sent {
  from: PeerIdString
  to: PeerIdString
  text: string
  clock: number
  chain: ChainId
  /** Ids of the conversation that were on its writer's screen, without what nobody could send any more by then. */
  seen: readonly MessageId[]
}

/** What one disk has, and had, of one conversation. */
interface Screen {
  has: Map<MessageId, Delivered>
  ever: Set<MessageId>
  /** What came, by chain and id: a message of a chain that ended with a restored backup comes in the next one, too. */
  came: Set<string>
}

/** What was on a disk when a backup of it was made, by conversation. */
export type Seen = ReadonlyMap<PeerIdString, Screen & Pick<View, 'places'>>

/** What one person has of one conversation, as the oracle saw it become durable. */
interface View extends Screen {
  me: PeerIdString
  peer: PeerIdString
  /** All that was ever durable on a device of theirs. */
  had: Set<MessageId>
  /** Of mine, what this device cannot send any more: it was deleted, or is not in the backup that was restored. */
  gone: Set<MessageId>
  /** Highest number of each chain of theirs that was on the screen. */
  read: Map<ChainId, number>
  /** Relays the other side is written to at, as told last and before that; 0 while nothing was told. */
  places: [number, number]
}

const NOTHING_SEEN: Screen & Pick<View, 'places'> = {
  ...{ has: new Map(), ever: new Set(), came: new Set(), places: [0, 0] },
}

/**
 * Knows all that is durable anywhere, and holds everything anybody is told against it (promises: delivery). What it finds
 * is told once, where it became so.
 */
export class Oracle {
  readonly violations: string[] = []
  readonly #relays: readonly SimulatedRelay[]
  readonly #onEvent: (line: string) => void
  readonly #sent = new Map<MessageId, Sent>()
  readonly #views = new Map<string, View>()
  /** Texts whose `send` has resolved: id by conversation and text. */
  readonly acknowledged = new Map<string, MessageId>()
  /** Fewest relays that a signpost of theirs has led to: who follows it knows of no others. */
  readonly #signposted = new Map<PeerIdString, number>()
  /** Messages of one side by number, for its states. */
  readonly #chains = new Map<ChainId, MessageId[]>()
  /** What its writer could not send any more when a chain began. */
  readonly #begunWithout = new Map<ChainId, ReadonlySet<MessageId>>()
  /** Whether anything has happened by which keys are lost. */
  readonly #losesKeys: () => boolean

  constructor(
    relays: readonly SimulatedRelay[],
    losesKeys: () => boolean,
    onEvent: (line: string) => void,
  ) {
    this.#relays = relays
    this.#losesKeys = losesKeys
    this.#onEvent = onEvent
  }

  fail(what: string): void {
    this.violations.push(what)
    this.#onEvent(`VIOLATION ${what}`)
  }

  /** `send` has resolved. */
  told(from: PeerIdString, to: PeerIdString, text: string, id: MessageId): void {
    const before = this.acknowledged.get(`${from} ${to} ${text}`)
    if (before !== undefined && before !== id) this.fail(`${text} was sent as two messages`)
    this.acknowledged.set(`${from} ${to} ${text}`, id)
    if (!this.#sent.has(id)) this.fail(`${text} was acknowledged before it was durable`)
  }

  /** Their signpost leads to so many relays. */
  signposted(peer: PeerIdString, relays: number): void {
    this.#signposted.set(peer, Math.min(relays, this.#signposted.get(peer) ?? relays))
  }

  /** What stood on the screen up to this message was read. */
  isReading(me: PeerIdString, peer: PeerIdString, { chain, sequence }: Delivered): void {
    const { read } = this.#view(me, peer)
    read.set(chain, Math.max(read.get(chain) ?? 0, sequence))
  }

  /** A backup is made. */
  seenBy(me: PeerIdString): Seen {
    return new Map(
      [...this.#views.values()]
        .filter((view) => view.me === me)
        .map(({ peer, has, ever, came, places }) => [
          peer,
          { has: new Map(has), ever: new Set(ever), came: new Set(came), places },
        ]),
    )
  }

  /**
   * Another device goes on from a backup. What its person wrote since then, and what the other side held when it was
   * made, it cannot send any more; all else of theirs must still arrive, and all of the others' arrive again.
   */
  restored(me: PeerIdString, seen: Seen, backup: Disk, disk: Disk): void {
    for (const view of this.#views.values()) {
      if (view.me !== me) continue
      const { peer } = view
      const { has, ever, came, places } = seen.get(peer) ?? NOTHING_SEEN
      Object.assign(view, { has: new Map(has), ever: new Set(ever), came: new Set(came), places })
      const { chains } = disk.of(peer)
      const before = backup.of(peer).chains?.mine
      const numbers = (before && this.#chains.get(before.chain)) ?? []
      const carried = numbers.slice(before?.received, before?.sequence)
      view.gone = new Set(this.#sentBy(me, peer).filter((id) => !carried.includes(id)))
      if (chains === null) continue
      this.#chains.set(chains.mine.chain, carried)
      this.#begunWithout.set(chains.mine.chain, view.gone)
      if (chains.mine.sequence !== carried.length)
        this.fail('a backup has others than it was given')
    }
  }

  watcherOf(me: PeerIdString): DiskWatcher {
    return {
      sent: (message, chains) => {
        this.#onSent(me, message, chains)
      },
      received: (messages, chains) => {
        for (const message of messages) this.#onReceived(me, chains, message)
      },
      forgotten: (chains) => {
        this.#onForgotten(me, chains)
      },
      advanced: (peer, before, after, outbox) => {
        this.#onAdvanced(me, peer, before, after)
        this.#checkStored(me, peer, before, after, outbox)
        this.#checkKept(after, outbox)
      },
      lost: (_, before, after, outbox) => {
        if (after.mine.stored < before.mine.stored) this.#onEvent(`stored to ${after.mine.stored}`)
        this.#checkKept(after, outbox)
      },
      placed: (peer, { relays }) => {
        const view = this.#view(me, peer)
        view.places = [view.places[1], relays.length]
      },
      owed: ({ type, lost }) => {
        if (type === 'status' && lost && !this.#losesKeys())
          this.fail('keys are told as lost that are not')
      },
      receipts: (outgoing) => {
        this.#onReceipts(outgoing)
      },
    }
  }

  #onSent(me: PeerIdString, message: Delivered, chains: Chains): void {
    const { id, peer, clock, chain, sequence } = message
    const view = this.#view(me, peer)
    const text = textOf(message)
    for (const [other, { from, to, text: said }] of this.#sent) {
      if (from === me && to === peer && said === text && other !== id) {
        this.fail(`${text} is two messages`)
      }
    }
    // Also what they have deleted: it still stands on the other side's screen.
    for (const seen of view.ever) {
      if (this.#sent.get(seen)!.clock >= clock) {
        this.fail(`${text} stands before what its writer had seen`)
      }
    }
    const seen = [...view.has.keys()].filter((each) => !this.#isGone(each))
    this.#sent.set(id, { from: me, to: peer, text, clock, chain, seen })
    view.has.set(id, message)
    view.ever.add(id)
    view.had.add(id)
    const numbers = this.#chains.get(chain) ?? []
    this.#chains.set(chain, numbers)
    if (numbers.length !== sequence - 1) this.fail(`${text} has a number that is not the next`)
    if (chains.mine.sequence !== sequence) this.fail(`${text} is not where its chain ends`)
    numbers.push(id)
    this.#onEvent(`sent ${text} ${id}`)
  }

  #onReceived(me: PeerIdString, chains: Chains, message: Delivered): void {
    const { peer } = chains
    const view = this.#view(me, peer)
    const sent = this.#sent.get(message.id)
    const text = textOf(message)
    this.#onEvent(`received ${text} ${message.id}`)
    if (sent?.from !== peer || sent.to !== me || sent.text !== text) {
      this.fail(`${text} was never sent so`)
      return
    }
    if (message.clock !== sent.clock) this.fail(`${text} is shown in another place`)
    const key = `${message.chain} ${message.id}`
    const isCarried = message.chain !== sent.chain
    const isKnown = view.has.has(message.id)
    // What is carried over may come once more where it was deleted.
    if (view.came.has(key) || (view.ever.has(message.id) && !isCarried && !isKnown)) {
      this.fail(`${text} is shown twice`)
    }
    view.came.add(key)
    // Known by its id, and not shown again.
    if (isKnown) return
    // A chain that carries over what a backup still had to send begins after what was held then.
    const carried = isCarried ? this.#chains.get(message.chain) : undefined
    const precedes = (id: MessageId): boolean =>
      carried === undefined || this.#sent.get(id)!.from === me || carried.includes(id)
    const missing = sent.seen.filter(
      (id) =>
        !view.ever.has(id) &&
        !this.#isGone(id) &&
        !this.#isToldGone(chains, message.chain, id) &&
        precedes(id),
    )
    if (missing.length > 0) this.fail(`${text} is shown before its cause`)
    view.has.set(message.id, message)
    view.ever.add(message.id)
    view.had.add(message.id)
  }

  #onForgotten(me: PeerIdString, { peer, mine }: Chains): void {
    const view = this.#view(me, peer)
    view.gone = new Set(this.#sentBy(me, peer))
    this.#begunWithout.set(mine.chain, view.gone)
    view.has.clear()
    this.#onEvent('forgot')
  }

  #onAdvanced(me: PeerIdString, peer: PeerIdString, before: Chains | null, after: Chains): void {
    const { mine } = after
    const followed = after.theirs?.chain
    if (followed !== undefined && before?.past.includes(followed) === true) {
      // Turned back to a chain that seemed to have ended: all of it is said again.
      const { came } = this.#view(me, peer)
      for (const key of came) if (key.startsWith(`${followed} `)) came.delete(key)
    }
    if (before?.mine.chain !== mine.chain) return
    const theirs = this.#view(peer, me)
    const numbers = this.#chains.get(mine.chain) ?? []
    for (const id of numbers.slice(before.mine.received, mine.received)) {
      this.#onEvent(`delivered ${this.#sent.get(id)!.text}`)
      if (!theirs.had.has(id)) this.fail(`${this.#sent.get(id)!.text} is called delivered`)
    }
    if (mine.read > before.mine.read) {
      this.#onEvent(`read up to ${mine.read}`)
      const read = theirs.read.get(mine.chain) ?? 0
      if (mine.read > read) this.fail(`number ${mine.read} is called read, ${read} is`)
    }
    for (const state of ['stored', 'received', 'read'] as const) {
      if (mine[state] < before.mine[state]) this.fail(`${state} goes back`)
      if (mine[state] > mine.sequence) this.fail(`${state} beyond what was sent`)
    }
  }

  #onReceipts({ sealed, receipts }: Outgoing): void {
    if (sealed === null) return
    const mark = markOf(sealed)
    for (const { relay } of receipts) {
      const keeper = this.#relays.find(({ address }) => address === relay)
      if (keeper === undefined) this.fail(`a receipt of no relay: ${relay}`)
      else if (keeper.vice === 'none' && !keeper.store.kept.has(mark)) {
        this.fail(`${relay} has no item it gave a receipt for`)
      }
    }
  }

  /** What is called stored now has the receipts for it: of two stores where the reader has told of two. */
  #checkStored(
    me: PeerIdString,
    peer: PeerIdString,
    before: Chains | null,
    { mine }: Chains,
    outbox: readonly Outgoing[],
  ): void {
    if (before?.mine.chain !== mine.chain) return
    const { places } = this.#view(me, peer)
    const wanted = Math.min(
      QUORUM,
      this.#signposted.get(peer) ?? QUORUM,
      ...places.map((count) => (count === 0 ? this.#relays.length : count)),
    )
    for (const { chain, sequence, receipts } of outbox) {
      const isNow = sequence > before.mine.stored && sequence <= mine.stored
      if (chain !== mine.chain || !isNow || sequence <= mine.received) continue
      const stores = new Set(receipts.map(({ store }) => store)).size
      this.#onEvent(`stored ${sequence} at ${stores}`)
      if (stores < wanted)
        this.fail(`number ${sequence} is called stored at ${stores} of ${wanted}`)
    }
  }

  /** What is still called stored has receipts. */
  #checkKept({ mine }: Chains, outbox: readonly Outgoing[]): void {
    for (const { chain, sequence, receipts } of outbox) {
      const isCalled = chain === mine.chain && sequence > mine.received && sequence <= mine.stored
      if (isCalled && receipts.length === 0)
        this.fail(`number ${sequence} is called stored without a receipt`)
    }
  }

  /** What these two lack of having all, in the same order. */
  lacking(a: PeerIdString, b: PeerIdString): string[] {
    const found: string[] = []
    const [atA, atB] = [this.#view(a, b), this.#view(b, a)]
    for (const [id, { from, to, text }] of this.#sent) {
      const ours = (from === a && to === b) || (from === b && to === a)
      if (!ours || this.#isGone(id)) continue
      const reader = to === a ? atA : atB
      if (!reader.ever.has(id)) found.push(`${text} is lost`)
    }
    const shared = (view: View, other: View): string[] =>
      [...view.has.values()]
        .filter(({ id }) => other.has.has(id))
        .toSorted((x, y) => x.clock - y.clock || (x.id < y.id ? -1 : 1))
        .map(({ id }) => id)
    if (shared(atA, atB).join() !== shared(atB, atA).join()) found.push('two orders')
    return found
  }

  /** Everything that was received is still there, and nothing else. */
  checkDisk(
    me: PeerIdString,
    peer: PeerIdString,
    messages: ReadonlyMap<MessageId, Delivered>,
  ): void {
    const { has } = this.#view(me, peer)
    if (messages.size !== has.size) this.fail('a disk has others than it was given')
    const texts = [...messages.values()].map((message) => `${message.mine} ${textOf(message)}`)
    if (new Set(texts).size !== texts.length) this.fail('a text is shown twice')
  }

  #sentBy(me: PeerIdString, peer: PeerIdString): MessageId[] {
    return [...this.#sent].flatMap(([id, { from, to }]) => (from === me && to === peer ? [id] : []))
  }

  /** Who wrote it cannot send it any more: where it has not come, it need not. */
  #isGone(id: MessageId): boolean {
    const { from, to } = this.#sent.get(id)!
    return this.#view(from, to).gone.has(id)
  }

  /**
   * Of a chain of theirs this is no longer to come: they have begun a later one without it, and whoever follows that shows
   * what waited for it. A backup may bring it back after all, on an installation of which nothing is known here yet. Till
   * then all that comes here is what comes when nobody restores anything, and then what waited is to be shown: no reader
   * can tell the two apart. What is said on that installation is of a chain that is later still, and is not shown before it.
   */
  #isToldGone({ theirs, past }: Chains, chain: ChainId, id: MessageId): boolean {
    const followed = theirs === null ? past : [...past, theirs.chain]
    const later = followed.slice(followed.indexOf(chain) + 1)
    return later.some((each) => this.#begunWithout.get(each)?.has(id) === true)
  }

  #view(me: PeerIdString, peer: PeerIdString): View {
    const key = `${me} ${peer}`
    const view: View = this.#views.get(key) ?? {
      ...{ me, peer, has: new Map(), ever: new Set(), came: new Set() },
      ...{ had: new Set(), gone: new Set(), read: new Map(), places: [0, 0] },
    }
    this.#views.set(key, view)
    return view
  }
}

export function textOf({ payload }: Pick<Delivered, 'payload'>): string {
  return new TextDecoder().decode(payload)
}
