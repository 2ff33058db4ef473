import type { ContentId } from '#lib/content/content-id.ts'
import { openChunks } from '#lib/content/chunk-cipher.ts'
import { Holding } from '#lib/content/holding.ts'
import { takeIn } from '#lib/content/intake.ts'
import { CHUNK_BYTES } from '#lib/content/manifest.ts'
import { MANIFEST_PART, type Part } from '#lib/content/parts.ts'
import { MAX_IN_USE } from '#lib/content/providers/seeker.ts'
import { equalBytes } from '#lib/protocol/codec.ts'
import { peerIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import type { Random } from '#lib/protocol/seams.ts'
import { MemoryPartStore, newShelf } from '../../fixtures/memory-part-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { Trace } from '../trace.ts'
import { VirtualTime } from '../virtual-time.ts'
import { Member, quickSha256, type Foe } from './member.ts'
import { Pipes } from './pipes.ts'

const SECOND_MS = 1_000
const HOUR_MS = 60 * 60 * SECOND_MS

/** Of a leaf, in memory: several times what a manifest has, as a chunk has. */
const LEAF_BYTES = 32 * 1024

/** Of what was got, at most so much may have come twice. */
const MAX_WASTE = 0.03

/** What a swarm is like, decided before anything happens. */
export interface SwarmPlan {
  seeds: number
  leechers: number
  foes: readonly Foe[]
  leaves: number
  /** Bytes a second and ms, by member. */
  access: (member: number) => { up: number; down: number; latencyMs: number }
  loss: number
  /** How often a minute somebody goes or comes back, for every ten. */
  churn: number
  /** Whom each knows of at first: so many others. */
  acquainted: number
  /** Whether the first goes for good as soon as the others who are there have all of it between them. */
  firstGoes: boolean
  /** Times the ideal within which all must have it; null: whenever. */
  within: number | null
}

export interface SwarmOutcome {
  seed: number
  hash: string
  violations: string[]
  /** From the first to the last who has it, ms. */
  tookMs: number
  /** The same in a fluid that has no parts, ms. */
  idealMs: number
  /** Of the bytes got, the share that came twice. */
  waste: number
  members: number
}

const FOES: readonly Foe[] = ['liar', 'mute', 'denier']

/** What this seed decides: swarms of all sizes, each fault in some of them. */
export function swarmPlanOf(seed: number): SwarmPlan {
  const random = seededRandom(seed)
  const chance = (share: number): boolean => random.fraction() < share
  const between = (least: number, most: number): number =>
    Math.round(least + random.fraction() * (most - least))
  const large = seed % 25 === 0
  const members = large ? between(100, 200) : between(2, chance(0.2) ? 60 : 15)
  const seeds = chance(0.7) ? 1 : Math.min(3, members - 1)
  const uneven = chance(0.5)
  const alike = seed % 2 === 0
  const foes = chance(0.3) ? between(1, Math.max(1, Math.floor(members / 4))) : 0
  return {
    seeds,
    leechers: members - seeds,
    foes: Array.from({ length: foes }, (_, at) => FOES[(seed + (alike ? 0 : at)) % FOES.length]!),
    leaves: large ? between(30, 60) : between(2, 300),
    access: (member) => {
      const own = seededRandom(seed * 1_000 + member)
      const width = uneven ? 0.2 + own.fraction() * 5 : 1
      return {
        up: 500_000 * width,
        down: 2_000_000 * width,
        latencyMs: 2 + own.fraction() * 80,
      }
    },
    loss: chance(0.4) ? random.fraction() * 0.05 : 0,
    churn: chance(0.4) ? random.fraction() * 4 : 0,
    acquainted: between(2, 20),
    firstGoes: chance(0.5),
    within: null,
  }
}

/** One seed to so many, all alike, there from the start and each with as many sources as are used at once: how near it comes to a fluid. */
export function fluidPlan(leechers: number, leaves: number): SwarmPlan {
  return {
    seeds: 1,
    leechers,
    foes: [],
    leaves,
    access: () => ({ up: 1_000_000, down: 4_000_000, latencyMs: 20 }),
    loss: 0,
    churn: 0,
    acquainted: MAX_IN_USE,
    firstGoes: false,
    within: 1.5,
  }
}

/**
 * How long it takes at least (Kumar and Ross, “Peer-Assisted File Distribution: The Minimum Distribution Time”, 2006):
 * until the seed has given all of it once, until the slowest has taken it, until all together have given it to all.
 */
export function idealMs(plan: SwarmPlan): number {
  const bytes = plan.leaves * CHUNK_BYTES
  const all = Array.from({ length: plan.seeds + plan.leechers }, (_, at) => plan.access(at))
  const seeds = all.slice(0, plan.seeds).reduce((sum, { up }) => sum + up, 0)
  const slowest = Math.min(...all.slice(plan.seeds).map(({ down }) => down))
  const together = all.reduce((sum, { up }) => sum + up, 0)
  return 1_000 * Math.max(bytes / seeds, bytes / slowest, (plan.leechers * bytes) / together)
}

/** A file that is one leaf, and another for each swarm. */
function leafOf(at: number, seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(LEAF_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, at)
  view.setUint32(4, seed)
  return bytes
}

/** Whether each part of this is held by one of these at least. */
function haveAll({ leaves, lists }: Holding, members: readonly Member[]): boolean {
  const parts: Part[] = [
    MANIFEST_PART,
    ...Array.from({ length: lists.length }, (_, index): Part => ({ kind: 'list', index })),
    ...Array.from({ length: leaves.length }, (_, index): Part => ({ kind: 'leaf', index })),
  ]
  return parts.every((part) => members.some(({ holding }) => holding!.has(part)))
}

/** Members of a swarm and all between them, for one seed. */
export class SwarmWorld {
  readonly #seed: number
  readonly #plan: SwarmPlan
  readonly #time = new VirtualTime(Date.UTC(2026, 0, 1))
  readonly #random: Random
  readonly #trace: Trace
  readonly #pipes: Pipes
  readonly #members: Member[] = []
  readonly #violations: string[] = []
  /** Whom the link names: at last another than the first, as when it was passed on. */
  #named = 0

  constructor(seed: number, plan: SwarmPlan, show: ((line: string) => void) | null) {
    this.#seed = seed
    this.#plan = plan
    this.#random = seededRandom(seed + 1)
    this.#trace = new Trace(show)
    this.#pipes = new Pipes(this.#time, this.#random, {
      loss: plan.loss,
      counts: (giver) => this.#foeOf(giver) !== 'liar',
    })
  }

  async run(): Promise<SwarmOutcome> {
    const { seeds, leechers, foes, within } = this.#plan
    const rejected = (reason: unknown): void => {
      this.#violations.push(`unhandled: ${String(reason)}`)
    }
    process.on('unhandledRejection', rejected)
    const beganMs = this.#time.nowMs
    const content = await this.#gather(seeds + leechers + foes.length)
    for (const member of this.#members) await this.#come(member, content)
    const limitMs = beganMs + 48 * HOUR_MS
    while (!this.#done() && this.#time.nowMs < limitMs) {
      await this.#time.pass(SECOND_MS)
      await this.#letGo(content)
      await this.#churn(content)
    }
    // Who went before they had it comes back: nobody is left with less.
    for (const member of this.#honest()) {
      if (member.completeAtMs === null && !member.online) await this.#come(member, content)
    }
    while (!this.#done() && this.#time.nowMs < limitMs) await this.#time.pass(SECOND_MS)
    const tookMs = Math.max(
      0,
      ...this.#honest().flatMap(({ completeAtMs: atMs }) =>
        atMs === null ? [] : [atMs - beganMs],
      ),
    )
    await this.#judge(content, limitMs)
    for (const member of this.#members) await member.go()
    const ideal = idealMs(this.#plan)
    const waste = this.#waste()
    if (within !== null && tookMs > within * ideal) {
      this.#violations.push(`took ${(tookMs / ideal).toFixed(2)} times the ideal`)
    }
    process.off('unhandledRejection', rejected)
    return {
      seed: this.#seed,
      hash: this.#trace.digest(),
      violations: this.#violations,
      tookMs,
      idealMs: ideal,
      waste,
      members: this.#members.length,
    }
  }

  async #gather(count: number): Promise<ContentId> {
    for (let at = 0; at < count; at += 1) {
      const key = new Uint8Array(32)
      new DataView(key.buffer).setUint32(0, at + 1)
      const foe = this.#plan.foes[at - this.#plan.seeds - this.#plan.leechers] ?? null
      this.#members.push(
        new Member(
          {
            peer: peerIdOf(key),
            access: this.#plan.access(at),
            seed: this.#seed * 1_000 + at,
            foe,
            store: new MemoryPartStore(),
            shelf: newShelf(),
          },
          this.#time,
          this.#pipes,
        ),
      )
    }
    const holders = this.#members.filter(
      ({ init }, at) => at < this.#plan.seeds || init.foe !== null,
    )
    let content: ContentId | null = null
    for (const { init } of holders) content = await this.#make(init.store, init.shelf)
    return content!
  }

  async #make(store: Member['init']['store'], shelf: Member['init']['shelf']): Promise<ContentId> {
    const files = Array.from({ length: this.#plan.leaves - 1 }, (_, at) => ({
      path: `${at}`,
      mediaType: '',
      blob: new Blob([leafOf(at, this.#seed)]),
    }))
    const about = { name: 'x', description: '', createdAtMs: 0, expiresAtMs: null, creator: null }
    const steps = takeIn(
      { shelf, files, about, signer: null, cipher: openChunks, sealed: false },
      { store, sha256: quickSha256 },
    )
    for (;;) {
      const step = await steps.next()
      if (step.done === true) return step.value.content
    }
  }

  async #come(member: Member, content: ContentId): Promise<void> {
    const others = this.#members.filter((each) => each !== member)
    // Whom the link names is known to all.
    const known = [this.#members[this.#named]!, ...this.#some(others, this.#plan.acquainted)]
    this.#trace.add(this.#time.nowMs, `${this.#members.indexOf(member)} comes`)
    await member.come(
      content,
      [...new Set(known)].filter((each) => each !== member).map(({ init }) => init.peer),
    )
    member.download?.addEventListener('taken', ({ detail: { kind, index } }) => {
      this.#trace.add(this.#time.nowMs, `${this.#members.indexOf(member)} has ${kind} ${index}`)
    })
  }

  #some<T>(all: readonly T[], count: number): T[] {
    const rest = [...all]
    const some: T[] = []
    while (some.length < count && rest.length > 0) {
      some.push(...rest.splice(Math.floor(this.#random.fraction() * rest.length), 1))
    }
    return some
  }

  /** The first goes when the others can do without it. They look for more sources, and find one whom everybody knows. */
  async #letGo(content: ContentId): Promise<void> {
    if (!this.#plan.firstGoes || this.#named > 0) return
    const [first, second, ...rest] = this.#honest()
    const others = [second!, ...rest].filter(({ online }) => online)
    if (!second!.online || !haveAll(first!.holding!, others)) return
    this.#trace.add(this.#time.nowMs, '0 goes for good')
    this.#named = 1
    await first!.go()
    for (const { exchange } of rest) exchange?.from(content, second!.init.peer)
  }

  async #churn(content: ContentId): Promise<void> {
    const perSecond = (this.#plan.churn * this.#members.length) / 10 / 60
    if (this.#random.fraction() >= perSecond) return
    const at = 1 + Math.floor(this.#random.fraction() * (this.#members.length - 1))
    const member = this.#members[at]
    // Whom the link names stays: else what nobody else has, or the way to it, would be gone.
    if (member === undefined || at === this.#named) return
    if (member.online) {
      this.#trace.add(this.#time.nowMs, `${this.#members.indexOf(member)} goes`)
      await member.go()
    } else await this.#come(member, content)
  }

  #honest(): Member[] {
    return this.#members.filter(({ init }) => init.foe === null)
  }

  #foeOf(peer: PeerIdString): Foe | null {
    return this.#members.find(({ init }) => init.peer === peer)?.init.foe ?? null
  }

  /** Whether all have it who are there. */
  #done(): boolean {
    return this.#honest().every(({ completeAtMs, online }) => completeAtMs !== null || !online)
  }

  async #judge(content: ContentId, limitMs: number): Promise<void> {
    const source = this.#members[0]!.holding!
    for (const [at, member] of this.#members.entries()) {
      if (member.init.foe !== null) continue
      if (member.completeAtMs === null) {
        const { holding } = member
        this.#violations.push(
          `${at} has ${holding?.leaves.count} of ${source.leaves.length} leaves at ${limitMs}`,
        )
        continue
      }
      if (!(await this.#sameAs(source, member, content))) this.#violations.push(`${at} has another`)
      for (const banned of member.banned) {
        if (this.#foeOf(banned) !== 'liar') this.#violations.push(`${at} banned an honest one`)
      }
    }
    if (this.#waste() > MAX_WASTE) {
      this.#violations.push(`${(100 * this.#waste()).toFixed(1)} % came twice`)
    }
  }

  async #sameAs(source: Holding, member: Member, content: ContentId): Promise<boolean> {
    const { store, shelf } = member.init
    const holding = await Holding.open(content, shelf, { store, sha256: quickSha256 })
    for (let index = 0; index < source.leaves.length; index += 1) {
      const [ours, theirs] = [
        await source.read({ kind: 'leaf', index }),
        await holding.read({ kind: 'leaf', index }),
      ]
      if (ours === null || theirs === null || !equalBytes(ours, theirs)) return false
    }
    return true
  }

  #waste(): number {
    return this.#pipes.leaves === 0 ? 0 : this.#pipes.twice / this.#pipes.leaves
  }
}
