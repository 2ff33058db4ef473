import { newDevice } from '#lib/db/device.ts'
import type { DeviceRow } from '#lib/db/schema.ts'
import { NO_PREKEYS, spend, type Prekeys } from '#lib/crypto/prekeys.ts'
import {
  heldOf,
  keptBefore,
  type Chains,
  type Delivered,
  type Early,
  type Outgoing,
  type Owed,
} from '#lib/delivery/chain.ts'
import type { MailboxRelay, MailboxRelayStore } from '#lib/delivery/mailbox/store.ts'
import type { DeviceStore } from '#lib/delivery/devices.ts'
import type { Place } from '#lib/protocol/place.ts'
import type { PrekeyStore } from '#lib/delivery/prekey-store.ts'
import type { KeyStep } from '#lib/delivery/seams.ts'
import { carryOver, placeAfter, renew } from '#lib/delivery/renew.ts'
import type { DeliveryStore } from '#lib/delivery/store.ts'
import { StorageFullError } from '#lib/protocol/errors.ts'
import type { ChainId, MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import type { Random } from '#lib/protocol/seams.ts'
import type { Faults } from './faults.ts'
import type { Life } from './life.ts'

/** What one conversation has on the disk. */
export interface Conversation {
  chains: Chains | null
  outbox: Outgoing[]
  early: Early[]
  messages: Map<MessageId, Delivered>
  sessions: Uint8Array | null
  owed: Map<Owed['type'], Owed>
  place: Place | null
  announcement: Uint8Array | null
}

/** What a device keeps when its power goes. */
export class Disk {
  readonly conversations = new Map<PeerIdString, Conversation>()
  readonly opened = new Map<string, number>()
  readonly mailboxRelays = new Map<string, MailboxRelay>()
  /** Who has said hello. */
  readonly heard = new Set<PeerIdString>()
  prekeys: Prekeys = NO_PREKEYS
  device: DeviceRow
  /** Nothing more is written; what is there stays. */
  isFull = false

  /** @param id of the installation */
  constructor(id: Uint8Array<ArrayBuffer>) {
    this.device = { key: 'me', id, generation: 0, sinceMs: 0, replacedAtMs: null }
  }

  of(peer: PeerIdString): Conversation {
    let conversation = this.conversations.get(peer)
    if (conversation === undefined) {
      conversation = {
        ...{ chains: null, outbox: [], early: [], messages: new Map() },
        ...{ sessions: null, owed: new Map(), place: null, announcement: null },
      }
      this.conversations.set(peer, conversation)
    }
    return conversation
  }

  /** What a backup of it has (features/backup/snapshot.ts): no keys, and nothing that rests on them. */
  backup(): Disk {
    const copy = new Disk(this.device.id.slice())
    copy.device = this.device
    for (const [address, relay] of this.mailboxRelays) copy.mailboxRelays.set(address, relay)
    for (const peer of this.heard) copy.heard.add(peer)
    for (const [peer, { chains, outbox, early, messages, place }] of this.conversations) {
      Object.assign(copy.of(peer), {
        ...{ chains, outbox: [...outbox], messages: new Map(messages), place },
        early: early.filter(
          ({ chain, sequence }) =>
            chain === chains?.theirs?.chain && sequence > chains.theirs.sequence,
        ),
      })
    }
    return copy
  }

  /** What another installation makes of a backup (features/backup/restoration.ts). */
  restored(me: PeerIdString, nowMs: number, random: Random): Disk {
    const disk = this.backup()
    disk.device = newDevice({ clock: { now: () => nowMs }, random }, this.device.generation)
    for (const [address, relay] of disk.mailboxRelays)
      disk.mailboxRelays.set(address, unkept(relay))
    for (const [peer, conversation] of disk.conversations) {
      conversation.owed = owedTo(peer)
      if (conversation.chains === null) continue
      let chains = renew(conversation.chains, random)
      const ended = chains.ended.at(-1)!
      const outbox: Outgoing[] = []
      for (const row of conversation.outbox) {
        if (row.chain !== ended.chain || row.sequence <= ended.received) continue
        const carried = carryOver(me, chains, row, nowMs)
        chains = carried.chains
        outbox.push(carried.outgoing)
      }
      conversation.chains = chains
      conversation.outbox = outbox
      for (const [id, message] of conversation.messages) {
        if (message.mine) conversation.messages.set(id, placeAfter(chains, message))
      }
    }
    return disk
  }

  /** The keys are lost, and with them what was published and sealed; the chains go on. */
  loseKeys(id: Uint8Array<ArrayBuffer>): void {
    this.device = { ...this.device, id, generation: this.device.generation + 1 }
    this.prekeys = NO_PREKEYS
    this.opened.clear()
    for (const [address, relay] of this.mailboxRelays) {
      this.mailboxRelays.set(address, unkept(relay))
    }
    for (const [peer, conversation] of this.conversations) {
      const { chains } = conversation
      if (chains !== null) conversation.chains = { ...chains, mine: keptBefore(chains.mine, 1) }
      conversation.sessions = null
      conversation.outbox = conversation.outbox.map((row) => ({
        ...row,
        sealed: null,
        receipts: [],
      }))
      conversation.announcement = null
      conversation.owed = owedTo(peer)
    }
  }
}

/** The relay, where nothing of this installation lies yet. */
function unkept(relay: MailboxRelay): MailboxRelay {
  return { ...relay, announced: null, published: null, canary: null }
}

/** By who is back without keys (features/backup/restoration.ts). */
function owedTo(peer: PeerIdString): Map<Owed['type'], Owed> {
  const hello: Owed = { peer, type: 'hello', lost: false, sealed: null, receipts: [] }
  return new Map([
    ['hello', hello],
    ['status', { ...hello, type: 'status', lost: true }],
  ])
}

/** Sees each change of a disk as it becomes durable. */
export interface DiskWatcher {
  sent(message: Delivered, chains: Chains): void
  received(messages: readonly Delivered[], chains: Chains): void
  forgotten(chains: Chains): void
  advanced(
    peer: PeerIdString,
    before: Chains | null,
    after: Chains,
    outbox: readonly Outgoing[],
  ): void
  /** Receipts of mine are gone. */
  lost(peer: PeerIdString, before: Chains, after: Chains, outbox: readonly Outgoing[]): void
  placed(peer: PeerIdString, place: Place): void
  owed(owed: Owed): void
  receipts(outgoing: Outgoing): void
}

/**
 * The stores of delivery on a simulated disk, as one life of the program has them. A write may be slow, find no room, or
 * be the last before the power goes: then it is durable, or it is not, and nobody gets to know.
 */
export class DiskStore implements DeliveryStore, DeviceStore, PrekeyStore, MailboxRelayStore {
  readonly #disk: Disk
  readonly #life: Life
  readonly #faults: Faults
  readonly #watcher: DiskWatcher
  readonly #crash: () => void

  constructor(disk: Disk, life: Life, faults: Faults, watcher: DiskWatcher, crash: () => void) {
    this.#disk = disk
    this.#life = life
    this.#faults = faults
    this.#watcher = watcher
    this.#crash = crash
  }

  chains(peer: PeerIdString): Promise<Chains | null> {
    return this.#read(() => this.#disk.of(peer).chains)
  }

  sentFor(peer: PeerIdString, intent: string): Promise<MessageId | null> {
    return this.#read(
      () => this.#disk.of(peer).outbox.find((row) => row.intent === intent)?.id ?? null,
    )
  }

  outbox(peer: PeerIdString, chain: ChainId, after: number, limit: number): Promise<Outgoing[]> {
    return this.#read(() =>
      this.#disk
        .of(peer)
        .outbox.filter((row) => row.chain === chain && row.sequence > after)
        .slice(0, limit),
    )
  }

  /** As bytes of their own: keys are wiped when they are spent. */
  sessions(peer: PeerIdString): Promise<Uint8Array | null> {
    return this.#read(() => this.#disk.of(peer).sessions?.slice() ?? null)
  }

  early(peer: PeerIdString, chain?: ChainId): Promise<Early[]> {
    return this.#read(() =>
      this.#disk.of(peer).early.filter((row) => row.chain === (chain ?? row.chain)),
    )
  }

  putChains(chains: Chains): Promise<void> {
    return this.#write('chains', () => {
      this.#putChains(chains)
    })
  }

  wasOpened(mark: string): Promise<boolean> {
    return this.#read(() => this.#disk.opened.has(mark))
  }

  forgetOpened(beforeMs: number): Promise<void> {
    return this.#write('marks', () => {
      for (const [mark, atMs] of this.#disk.opened) {
        if (atMs < beforeMs) this.#disk.opened.delete(mark)
      }
    })
  }

  putStep(peer: PeerIdString, step: KeyStep): Promise<void> {
    return this.#write('step', () => {
      this.#putStep(peer, step)
    })
  }

  waiting(): Promise<PeerIdString[]> {
    return this.#read(() =>
      [...this.#disk.conversations].flatMap(([peer, { chains, owed }]) => {
        const lacks = chains !== null && heldOf(chains.mine) < chains.mine.sequence
        return lacks || owed.size > 0 ? [peer] : []
      }),
    )
  }

  owed(peer: PeerIdString): Promise<Owed[]> {
    return this.#read(() => [...this.#disk.of(peer).owed.values()])
  }

  putOwed(owed: Owed, step: KeyStep | null): Promise<void> {
    return this.#write('owed', () => {
      this.#putStep(owed.peer, step)
      this.#watcher.owed(owed)
      this.#disk.of(owed.peer).owed.set(owed.type, owed)
    })
  }

  settleOwed(peer: PeerIdString, type: Owed['type']): Promise<void> {
    return this.#write('settled', () => {
      this.#disk.of(peer).owed.delete(type)
    })
  }

  place(peer: PeerIdString): Promise<Place | null> {
    return this.#read(() => this.#disk.of(peer).place)
  }

  putPlace(peer: PeerIdString, place: Place): Promise<void> {
    return this.#write('place', () => {
      this.#watcher.placed(peer, place)
      this.#disk.of(peer).place = place
    })
  }

  putReceipts(outgoing: Outgoing, chains: Chains): Promise<void> {
    return this.#write('receipts', () => {
      this.#putOutgoing(outgoing)
      this.#watcher.receipts(outgoing)
      this.#putChains(chains)
    })
  }

  putEarly(early: Early, step: KeyStep): Promise<void> {
    return this.#write('early', () => {
      const conversation = this.#disk.of(early.peer)
      conversation.early = [
        ...conversation.early.filter((row) => !isSame(row, early)),
        early,
      ].toSorted((a, b) => a.sequence - b.sequence)
      this.#putStep(early.peer, step)
    })
  }

  putSent(
    chains: Chains,
    outgoing: Outgoing,
    message: Delivered,
    step: KeyStep | null,
  ): Promise<void> {
    return this.#write('sent', () => {
      const conversation = this.#disk.of(chains.peer)
      this.#putStep(chains.peer, step)
      this.#watcher.sent(message, chains)
      conversation.chains = chains
      conversation.outbox.push(outgoing)
      conversation.messages.set(message.id, message)
    })
  }

  putSealed(outgoing: Outgoing, step: KeyStep): Promise<void> {
    return this.#write('sealed', () => {
      this.#putStep(outgoing.peer, step)
      this.#putOutgoing(outgoing)
    })
  }

  putKeys(peer: PeerIdString, step: KeyStep, chain: ChainId, after: number): Promise<void> {
    return this.#write('keys', () => {
      this.#putStep(peer, step)
      this.#unseal(peer, chain, after)
    })
  }

  forgetKeys(peer: PeerIdString, chain: ChainId, after: number): Promise<void> {
    return this.#write('no keys', () => {
      this.#disk.of(peer).sessions = null
      this.#unseal(peer, chain, after)
    })
  }

  dropReceipts(peer: PeerIdString, chain: ChainId, first: number, last: number): Promise<void> {
    return this.#write('no receipts', () => {
      const conversation = this.#disk.of(peer)
      conversation.outbox = conversation.outbox.map((row) =>
        row.chain === chain && row.sequence >= first && row.sequence <= last
          ? { ...row, receipts: [] }
          : row,
      )
      this.#lose(peer, chain, first)
    })
  }

  putReceived(
    chains: Chains,
    messages: Delivered[],
    early: Early[],
    step: KeyStep | null,
  ): Promise<void> {
    return this.#write('received', () => {
      const conversation = this.#disk.of(chains.peer)
      this.#putStep(chains.peer, step)
      this.#putChains(chains)
      this.#watcher.received(messages, chains)
      conversation.early = conversation.early.filter(
        (row) => !early.some((gone) => isSame(row, gone)),
      )
      for (const message of messages) {
        // As the journal of chats does with what was carried over and is here already.
        if (conversation.messages.has(message.id)) continue
        conversation.messages.set(message.id, message)
      }
    })
  }

  markRead(peer: PeerIdString, upTo: MessageId): Promise<Chains | null> {
    return this.#write('read', () => {
      const { chains, messages } = this.#disk.of(peer)
      const message = messages.get(upTo)
      if (chains?.theirs == null || message?.chain !== chains.theirs.chain) return null
      if (message.sequence <= chains.theirs.read) return null
      const after = { ...chains, theirs: { ...chains.theirs, read: message.sequence } }
      this.#putChains(after)
      return after
    })
  }

  forget(chains: Chains): Promise<void> {
    return this.#write('forgotten', () => {
      const conversation = this.#disk.of(chains.peer)
      this.#watcher.forgotten(chains)
      conversation.chains = chains
      conversation.outbox = []
      conversation.early = []
      conversation.messages.clear()
    })
  }

  prekeys(): Promise<Prekeys> {
    return this.#read(() => this.#disk.prekeys)
  }

  change<T extends { prekeys: Prekeys }>(change: (before: Prekeys) => T): Promise<T> {
    return this.#write('prekeys', () => {
      const changed = change(this.#disk.prekeys)
      this.#disk.prekeys = changed.prekeys
      return changed
    })
  }

  mine(): Promise<DeviceRow> {
    return this.#read(() => this.#disk.device)
  }

  replaced(atMs: number): Promise<void> {
    return this.#write('replaced', () => {
      this.#disk.device = { ...this.#disk.device, replacedAtMs: atMs }
    })
  }

  theirs(peer: PeerIdString): Promise<Uint8Array | null> {
    return this.#read(() => this.#disk.of(peer).announcement)
  }

  putTheirs(peer: PeerIdString, announcement: Uint8Array): Promise<void> {
    return this.#write('announcement', () => {
      this.#disk.of(peer).announcement = announcement
    })
  }

  all(): Promise<MailboxRelay[]> {
    return this.#read(() => [...this.#disk.mailboxRelays.values()])
  }

  put(relay: MailboxRelay): Promise<void> {
    return this.#write('relay', () => {
      this.#disk.mailboxRelays.set(relay.address, relay)
    })
  }

  delete(address: string): Promise<void> {
    return this.#write('no relay', () => {
      this.#disk.mailboxRelays.delete(address)
    })
  }

  /** Somebody has said hello. */
  putHeard(peer: PeerIdString): Promise<void> {
    return this.#write('heard', () => {
      this.#disk.heard.add(peer)
    })
  }

  #putChains(chains: Chains): void {
    const conversation = this.#disk.of(chains.peer)
    this.#watcher.advanced(chains.peer, conversation.chains, chains, conversation.outbox)
    conversation.chains = chains
  }

  #putOutgoing(outgoing: Outgoing): void {
    const { outbox } = this.#disk.of(outgoing.peer)
    const at = outbox.findIndex((row) => isSame(row, outgoing))
    if (at < 0) outbox.push(outgoing)
    else outbox[at] = outgoing
  }

  #unseal(peer: PeerIdString, chain: ChainId, after: number): void {
    const conversation = this.#disk.of(peer)
    conversation.outbox = conversation.outbox.map((row) =>
      row.chain === chain && row.sequence > after ? { ...row, sealed: null, receipts: [] } : row,
    )
    this.#lose(peer, chain, after + 1)
  }

  /** As `DexieDeliveryStore` does. */
  #lose(peer: PeerIdString, chain: ChainId, first: number): void {
    const conversation = this.#disk.of(peer)
    const { chains, outbox } = conversation
    if (chains?.mine.chain !== chain) return
    const after = { ...chains, mine: keptBefore(chains.mine, first) }
    conversation.chains = after
    this.#watcher.lost(peer, chains, after, outbox)
  }

  #putStep(peer: PeerIdString, step: KeyStep | null): void {
    if (step === null) return
    this.#disk.of(peer).sessions = step.sessions
    if (step.opened !== null) this.#disk.opened.set(step.opened, this.#life.now())
    if (step.spent !== null) this.#disk.prekeys = spend(this.#disk.prekeys, step.spent)
  }

  async #read<T>(work: () => T): Promise<T> {
    await this.#reach()
    return work()
  }

  async #write<T>(name: string, work: () => T): Promise<T> {
    await this.#reach()
    if (this.#disk.isFull || this.#faults.happens('noRoom')) throw new StorageFullError('no room')
    if (!this.#faults.happens('crash')) return work()
    const durable = this.#faults.oneIn(2)
    this.#faults.count(`crash ${durable ? 'after' : 'before'} ${name}`)
    if (durable) work()
    this.#crash()
    return this.#life.gone()
  }

  async #reach(): Promise<void> {
    await Promise.resolve()
    if (this.#life.dead) await this.#life.gone()
    if (!this.#faults.happens('slowDisk')) return
    await new Promise<void>((resolve) => {
      this.#life.hears(this.#faults.between(1, 200), resolve)
    })
  }
}

function isSame(
  a: { chain: ChainId; sequence: number },
  b: { chain: ChainId; sequence: number },
): boolean {
  return a.chain === b.chain && a.sequence === b.sequence
}
