import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  FOLDER_TYPE,
  isFolder,
  MAX_UNASKED_BYTES,
  type ChosenFile,
  type ShareChoices,
  type Transfer,
  type TransferDetails,
} from '#lib/features/transfers/api.ts'
import {
  MalformedLinkError,
  NotCompleteError,
  NothingToShareError,
  PasswordNeededError,
  UnknownTransferError,
  WrongPasswordError,
} from '#lib/features/transfers/errors.ts'
import type { FileChoices } from '#lib/features/settings/api.ts'
import { DexieSettingsStore } from '#lib/features/settings/store.ts'
import { TransfersService } from '#lib/features/transfers/service.ts'
import { LINGER_MS } from '#lib/features/transfers/giving.ts'
import { decodeLink, encodeLink } from '#lib/features/transfers/link.ts'
import { STALL_MS } from '#lib/features/transfers/view.ts'
import { STEP_MS } from '#lib/features/transfers/traffic.ts'
import {
  DexieSourceStore,
  DexieTotalsStore,
  DexieTransferStore,
} from '#lib/features/transfers/store.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import type { NodeIdentity } from '#lib/crypto/api.ts'
import { manifestHashOf } from '#lib/content/content-id.ts'
import { CHUNK_BYTES } from '#lib/content/manifest.ts'
import { SETTLE_MS } from '#lib/content/providers/announcer.ts'
import { FRESH_MS } from '#lib/content/providers/revocations.ts'
import type { LinkInfo } from '#lib/p2p/api.ts'
import { MAX_KEEP_MS } from '#lib/protocol/copies.ts'
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'
import {
  MAX_FOUND_PROVIDERS,
  providerKeyOf,
  PROVIDERS,
  type ProvidersRequest,
} from '#lib/protocol/providers.ts'
import { revocationKeyOf, revocationSubjectOf, sealRevocation } from '#lib/protocol/revocation.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { ProviderRecords } from '#relay/providers/provider-records.ts'
import { FakeNetwork, silentLogger, type FakeHost } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { MemoryPartStore } from '../../../fixtures/memory-part-store.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'
import { until } from '../../../fixtures/until.ts'

const HOUR_MS = 60 * 60_000
const freely: ShareChoices = {
  description: '',
  expiresAfterMs: null,
  password: null,
  downloadLimit: null,
  copyForMs: null,
}

let network: FakeNetwork
let clock: ManualClock
let running: TransfersService[]

beforeEach(() => {
  network = new FakeNetwork()
  clock = new ManualClock()
  running = []
})

afterEach(async () => {
  for (const service of running) await service.stop()
})

/** Somebody's device, which can be started again with what it has kept. */
class Device {
  readonly identity: NodeIdentity
  readonly host: FakeHost
  readonly parts = new MemoryPartStore()
  readonly #db = memoryDatabase()
  readonly #store = new DexieTransferStore(this.#db)
  readonly #settings = new DexieSettingsStore(this.#db)
  service!: TransfersService

  static async start(): Promise<Device> {
    const device = new Device(await openIdentity(createSecrets(systemRandom)))
    await device.restart()
    return device
  }

  private constructor(identity: NodeIdentity) {
    this.identity = identity
    this.host = network.host(identity.peer)
  }

  async restart(): Promise<void> {
    await (this.service as TransfersService | undefined)?.stop()
    this.service = new TransfersService({
      store: this.#store,
      sources: new DexieSourceStore(this.#db),
      totals: new DexieTotalsStore(this.#db),
      parts: this.parts,
      identity: this.identity,
      channels: this.host.channels,
      peers: this.host.peers,
      network: this.host.network,
      names: () => null,
      myName: () => Promise.resolve('Anna'),
      settings: { watchSettings: (options) => this.#settings.watch(options) },
      // A weak one, so that the test need not wait for it.
      stretch: (password) =>
        Promise.resolve(Uint8Array.from({ length: 32 }, (_, at) => password.charCodeAt(at) || 0)),
      clock,
      random: systemRandom,
      log: silentLogger,
    })
    running.push(this.service)
    await this.service.start()
  }

  choose(files: Partial<FileChoices>): Promise<void> {
    return this.#settings.changeFiles(files)
  }

  /** As in the settings. */
  passOn(on: boolean): Promise<void> {
    return this.#settings.change({ passOn: on })
  }

  async share(files: ChosenFile[], choices: Partial<ShareChoices> = {}): Promise<string> {
    const id = await this.service.share(files, { ...freely, ...choices })
    const { link } = (await until(
      this.service.watchTransfer(id),
      (each) => each?.link != null || each?.state === 'failed',
    ))!
    return link!
  }

  /** As it is as soon as it is in one of these states. */
  async reached(id: string, ...states: Transfer['state'][]): Promise<Transfer> {
    const transfer = await until(
      this.service.watchTransfer(id),
      (each) => each === null || states.includes(each.state),
    )
    return transfer!
  }

  async text(id: string, file: number | null = 0): Promise<string> {
    const pieces: Uint8Array<ArrayBuffer>[] = []
    for await (const piece of this.service.read(id, file)) pieces.push(piece)
    return new Blob(pieces).text()
  }
}

function file(path: string, content: string): ChosenFile {
  return { path, file: new Blob([content], { type: 'text/plain' }) }
}

/** A relay of these, which keeps who has what, and what is given no more. */
function relayOf(
  devices: readonly Device[],
  records = new ProviderRecords({ clock, random: seededRandom(1) }),
): ProviderRecords {
  for (const { host, identity } of devices) {
    host.network.answers = async (_relay, protocol, asked) => {
      if (protocol !== PROVIDERS.protocol) throw new Error('nothing else is asked here')
      const request = asked as ProvidersRequest
      if (request.type === 'find') {
        return { type: 'providers', records: records.some(request.key, MAX_FOUND_PROVIDERS) }
      }
      if (request.type === 'provide') await records.put(request.record, identity.peer)
      else records.remove(identity.peer, request.key)
      return { type: request.type === 'provide' ? 'stored' : 'withdrawn' }
    }
    host.peers.relays = ['relay.example']
    host.network.changed()
  }
  return records
}

/** Resolves once it is so: it is looked at whenever time goes by. */
async function untilTrue(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => clock.after(100, resolve))
}

async function two(): Promise<[Device, Device]> {
  const [anna, boris] = [await Device.start(), await Device.start()]
  network.connect(anna.host, boris.host)
  return [anna, boris]
}

/** Time goes by for what is paced, until the promise is settled. */
async function meanwhile<T>(promise: Promise<T>): Promise<T> {
  const settled = new AbortController()
  const done = promise.finally(() => {
    settled.abort()
  })
  done.catch(() => undefined)
  while (!settled.signal.aborted) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    clock.advance(100)
  }
  return done
}

test('what is shared by a link is got by it', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one'), file('b.txt', 'two')]))
  const id = await boris.service.get(`https://starling.example/#/get/${link}`, null)
  const done = await meanwhile(boris.reached(id, 'complete'))
  expect(done).toMatchObject({ name: 'a.txt', files: 2, bytes: 6, verifiedBytes: 6 })
  expect(await boris.text(id, 0)).toBe('one')
  expect(await boris.text(id, 1)).toBe('two')
  expect((await boris.text(id, null)).startsWith('PK')).toBe(true)
  const details = await meanwhile(until(boris.service.watchTransfer(id)))
  expect(details!.creator).toEqual({ peer: anna.identity.peer, name: 'Anna' })
  expect(details!.list.map(({ path }) => path)).toEqual(['a.txt', 'b.txt'])
  // What is under way is not told as a speed yet.
  clock.advance(STEP_MS)
  const { speeds } = (await meanwhile(until(boris.service.watchTransfer(id))))!
  expect(Math.max(...speeds.down)).toBeGreaterThan(0)
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  const { speeds: hers } = (await meanwhile(until(anna.service.watchTransfer(shared!.id))))!
  expect(Math.max(...hers.up)).toBeGreaterThan(0)
})

test('what is got is given on, also when who shared it is gone', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const got = await boris.service.get(link, null)
  await meanwhile(boris.reached(got, 'complete'))
  const vera = await Device.start()
  network.disconnect(anna.host, boris.host)
  network.connect(boris.host, vera.host)
  const [own] = await meanwhile(until(boris.service.watchTransfers()))
  const details = await meanwhile(until(boris.service.watchTransfer(own!.id)))
  const id = await vera.service.get(details!.link!, null)
  await meanwhile(vera.reached(id, 'complete'))
  expect(await vera.text(id)).toBe('one')
})

test('others are not given what I got when I do not want it, for all or for one of them', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  await boris.passOn(false)
  const got = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(got, 'complete'))).toMatchObject({ passedOn: false })
  network.disconnect(anna.host, boris.host)
  const { link: passed } = (await meanwhile(until(boris.service.watchTransfer(got))))!
  const vera = await Device.start()
  network.connect(boris.host, vera.host)
  const id = await vera.service.get(passed!, null)
  const other = await vera.service.get(await meanwhile(boris.share([file('b.txt', 'two')])), null)
  await meanwhile(vera.reached(other, 'complete'))
  expect(await meanwhile(vera.reached(id, 'looking'))).toMatchObject({ verifiedBytes: 0 })
  await boris.service.passOn(got, true)
  network.renew(boris.host, vera.host)
  await meanwhile(vera.reached(id, 'complete'))
  expect(await vera.text(id)).toBe('one')
})

test('who is being given what I got is given no more once I do not want it', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const got = await boris.service.get(link, null)
  await meanwhile(boris.reached(got, 'complete'))
  const { link: passed } = (await meanwhile(until(boris.service.watchTransfer(got))))!
  // Nothing of it ever comes from the disk.
  boris.parts.get = () => new Promise(() => undefined)
  const vera = await Device.start()
  network.connect(boris.host, vera.host)
  await vera.service.get(passed!, null)
  await meanwhile(until(boris.service.watchTransfer(got), (each) => each!.readers === 1))
  await boris.service.passOn(got, false)
  await meanwhile(until(boris.service.watchTransfer(got), (each) => each!.readers === 0))
})

test('what is shared can wait: nobody is given it until it goes on, also after a restart', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  await anna.service.pause(shared!.id)
  await anna.restart()
  network.renew(anna.host, boris.host)
  const id = await boris.service.get(link, null)
  const other = await boris.service.get(await meanwhile(anna.share([file('b.txt', 'two')])), null)
  await meanwhile(boris.reached(other, 'complete'))
  const halted = await meanwhile(until(anna.service.watchTransfer(shared!.id)))
  expect(halted).toMatchObject({ state: 'paused', readers: 1, peers: [{ given: 0 }] })
  await anna.service.resume(shared!.id)
  await meanwhile(boris.reached(id, 'complete'))
  expect((await meanwhile(anna.reached(shared!.id, 'shared'))).givenBytes).toBeGreaterThan(0)
})

test('what was shared and what is being got goes on after a restart', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  network.disconnect(anna.host, boris.host)
  const id = await boris.service.get(link, null)
  expect((await meanwhile(boris.reached(id, 'looking'))).name).toBeNull()
  await boris.restart()
  await anna.restart()
  network.connect(anna.host, boris.host)
  await meanwhile(boris.reached(id, 'complete'))
  expect(await boris.text(id)).toBe('one')
})

test('what is complete is not read at a start, and is given when somebody asks', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const [own] = await meanwhile(until(anna.service.watchTransfers()))
  await meanwhile(anna.reached(own!.id, 'shared'))
  const get = vi.spyOn(anna.parts, 'get')
  await anna.restart()
  expect(get).not.toHaveBeenCalled()
  const id = await boris.service.get(link, null)
  network.connect(anna.host, boris.host)
  await meanwhile(boris.reached(id, 'complete'))
  expect(await anna.text(own!.id)).toBe('one')
})

test('whoever gets something is met directly while they do, and a little longer', async () => {
  const [anna, boris] = [await Device.start(), await Device.start()]
  network.connect(anna.host, boris.host, 'relayed')
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const met: boolean[] = []
  const { peers } = anna.host
  const want = peers.want.bind(peers)
  peers.want = (peer, ...rest) => {
    met.push(peer === boris.identity.peer)
    want(peer, ...rest)
  }
  const id = await boris.service.get(link, null)
  await meanwhile(boris.reached(id, 'complete'))
  await meanwhile(until(anna.service.watchTransfers(), ([each]) => each?.readers === 0))
  expect(met).toContain(true)
  // On the way from a relay to a direct connection nobody reads for a moment.
  expect(peers.wanted.has(boris.identity.peer)).toBe(true)
  clock.advance(2 * LINGER_MS)
  expect(peers.wanted.has(boris.identity.peer)).toBe(false)
})

test('who gave something wrong is shown as asked no more, also after a restart', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const read = anna.parts.get.bind(anna.parts)
  anna.parts.get = async (shelf, part) => {
    const bytes = await read(shelf, part)
    return part.kind === 'leaf' && part.index === 0 ? new Uint8Array(bytes!.byteLength) : bytes
  }
  const id = await boris.service.get(link, null)
  const liar = { peer: anna.identity.peer, banned: true }
  const told = await meanwhile(
    until(boris.service.watchTransfer(id), (each) => each?.peers[0]?.banned === true),
  )
  expect(told).toMatchObject({ state: 'waiting', sources: 0, peers: [liar] })
  await boris.restart()
  const after = await meanwhile(until(boris.service.watchTransfer(id)))
  expect(after!.peers).toMatchObject([liar])
})

test('who gave something wrong is asked again once the person has seen the proof and wants it', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const read = anna.parts.get.bind(anna.parts)
  anna.parts.get = async (shelf, part) =>
    part.kind === 'leaf' ? new Uint8Array(1_000) : read(shelf, part)
  const id = await boris.service.get(link, null)
  const { peer } = anna.identity
  const [banned] = await meanwhile(until(boris.service.watchBanned(), (each) => each.length > 0))
  const { content } = decodeLink(link)
  expect(banned).toMatchObject({ peer, name: null, content, part: { kind: 'leaf' } })
  expect(banned!.gave).toHaveLength(32)
  anna.parts.get = read
  await boris.service.askAgain(peer)
  await meanwhile(boris.reached(id, 'complete'))
  expect(await meanwhile(until(boris.service.watchBanned()))).toEqual([])
})

test('another link to what is being got adds who it names', async () => {
  const [anna, boris] = await two()
  const vera = await Device.start()
  network.connect(anna.host, vera.host)
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const hers = await vera.service.get(link, null)
  await meanwhile(vera.reached(hers, 'complete'))
  const { link: passedOn } = (await meanwhile(until(vera.service.watchTransfer(hers))))!
  network.disconnect(anna.host, boris.host)
  network.connect(vera.host, boris.host)
  const id = await boris.service.get(link, null)
  await meanwhile(boris.reached(id, 'looking'))
  expect(await boris.service.get(passedOn!, null)).toBe(id)
  await meanwhile(boris.reached(id, 'complete'))
})

test('another link to what was taken back goes on', async () => {
  const [anna, boris] = await two()
  const vera = await Device.start()
  network.connect(anna.host, vera.host)
  network.connect(vera.host, boris.host)
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const hers = await vera.service.get(link, null)
  await meanwhile(vera.reached(hers, 'complete'))
  const { link: passedOn } = (await meanwhile(until(vera.service.watchTransfer(hers))))!
  const [own] = await meanwhile(until(anna.service.watchTransfers()))
  await anna.service.revoke(own!.id)
  const id = await boris.service.get(link, null)
  await meanwhile(boris.reached(id, 'failed'))
  const named = { peers: [vera.identity.peer], relays: [] }
  const content = decodeLink(passedOn!)
  await boris.service.get(encodeLink({ ...content, ...named }), null)
  await meanwhile(boris.reached(id, 'complete'))
})

describe('what the disk has lost', () => {
  async function lossy(): Promise<{ anna: Device; boris: Device; id: string }> {
    const [anna, boris] = await two()
    const link = await meanwhile(anna.share([file('a.txt', 'one')]))
    const id = await boris.service.get(link, null)
    await meanwhile(boris.reached(id, 'complete'))
    return { anna, boris, id }
  }

  test('is got again once somebody misses it', async () => {
    const { anna, boris, id } = await lossy()
    boris.parts.lose({ kind: 'leaf', index: 0 })
    await expect(boris.text(id)).rejects.toThrow(NotCompleteError)
    // They had let each other go.
    network.connect(anna.host, boris.host)
    await meanwhile(boris.reached(id, 'complete'))
    expect(await boris.text(id)).toBe('one')
  })

  test('is got again also when it went while nothing ran', async () => {
    const { anna, boris, id } = await lossy()
    boris.parts.lose({ kind: 'leaf', index: 0 })
    await boris.restart()
    await expect(boris.text(id)).rejects.toThrow(NotCompleteError)
    // They had let each other go.
    network.connect(anna.host, boris.host)
    await meanwhile(boris.reached(id, 'complete'))
    expect(await boris.text(id)).toBe('one')
  })

  test('is said of what I share', async () => {
    const { anna } = await lossy()
    const [own] = await meanwhile(until(anna.service.watchTransfers()))
    anna.parts.lose({ kind: 'leaf', index: 0 })
    await expect(anna.text(own!.id)).rejects.toThrow(NotCompleteError)
    expect(await meanwhile(anna.reached(own!.id, 'failed'))).toMatchObject({
      problem: 'unreadable',
    })
  })
})

test('a link is got once', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  expect(await boris.service.get(link, null)).toBe(await boris.service.get(link, null))
})

describe('with a password', () => {
  test('it opens with that alone', async () => {
    const [anna, boris] = await two()
    const link = await meanwhile(anna.share([file('a.txt', 'one')], { password: 'swallow' }))
    await expect(boris.service.get(link, null)).rejects.toThrow(PasswordNeededError)
    await expect(boris.service.get(link, 'sparrow')).rejects.toThrow(WrongPasswordError)
    const id = await boris.service.get(link, 'swallow')
    await meanwhile(boris.reached(id, 'complete'))
    expect(await boris.text(id)).toBe('one')
  })
})

test('what is taken back is given to nobody', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  await anna.service.revoke(shared!.id)
  const id = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(id, 'failed'))).toMatchObject({ problem: 'revoked' })
})

describe('what is taken back where others have all of it', () => {
  /** Anna, who has taken it back and is gone; Boris, who has it and never saw her again; what a relay was told. */
  async function takenBack(): Promise<{
    boris: Device
    id: string
    link: string
    records: ProviderRecords
    anna: Device
  }> {
    const [anna, boris] = await two()
    const records = relayOf([anna, boris])
    const link = await meanwhile(anna.share([file('a.txt', 'one')]))
    const id = await boris.service.get(link, null)
    await meanwhile(boris.reached(id, 'complete'))
    const key = providerKeyOf(manifestHashOf(decodeLink(link).content))
    await meanwhile(untilTrue(() => records.some(key, 9).length === 2))
    network.disconnect(anna.host, boris.host)
    const [own] = await meanwhile(until(anna.service.watchTransfers()))
    await anna.service.revoke(own!.id)
    await meanwhile(untilTrue(() => records.some(revocationKey(anna, link), 9).length === 1))
    expect(records.some(key, 9)).toHaveLength(1)
    await anna.service.stop()
    return { anna, boris, id, link, records }
  }

  const revocationKey = ({ identity: { peer } }: Device, link: string): Uint8Array => {
    const subject = revocationSubjectOf(manifestHashOf(decodeLink(link).content))
    return revocationKeyOf({ subject, peer })
  }

  const heard = (device: Device, id: string): Promise<unknown> =>
    until(device.service.watchTransfer(id), (each) => each?.problem === 'revoked')

  test('is given to nobody once they hear of it, and stays theirs', async () => {
    const { boris, id, link, records } = await takenBack()
    await boris.restart()
    await meanwhile(heard(boris, id))
    expect(await boris.text(id)).toBe('one')
    const key = providerKeyOf(manifestHashOf(decodeLink(link).content))
    await meanwhile(untilTrue(() => !records.has(key)))
    // Who asks him all the same, by a link that names nobody else, is told why.
    const vera = await Device.start()
    network.connect(boris.host, vera.host)
    const named = { peers: [boris.identity.peer], relays: [] }
    const hers = await vera.service.get(encodeLink({ ...decodeLink(link), ...named }), null)
    expect(await meanwhile(vera.reached(hers, 'failed'))).toMatchObject({ problem: 'revoked' })
    await boris.service.resume(id)
    await boris.restart()
    expect(await meanwhile(boris.reached(id, 'complete'))).toMatchObject({ problem: 'revoked' })
  })

  test('is asked about when somebody wants it from them', async () => {
    const { boris, id, link } = await takenBack()
    clock.sleep(FRESH_MS)
    const vera = await Device.start()
    network.connect(boris.host, vera.host)
    await vera.service.get(link, null)
    await meanwhile(heard(boris, id))
  })

  test('is looked for no longer by whoever has the link', async () => {
    const { link, records } = await takenBack()
    const vera = await Device.start()
    relayOf([vera], records)
    const id = await vera.service.get(link, null)
    expect(await meanwhile(vera.reached(id, 'failed'))).toMatchObject({ problem: 'revoked' })
  })

  test('is not asked about by who gives it to nobody, nor elsewhere than at their own relays', async () => {
    const [anna, boris] = await two()
    anna.host.peers.relays = ['hers.example']
    const asked = new Set<string>()
    relayOf([boris])
    const { answers } = boris.host.network
    boris.host.network.answers = (relay, protocol, request) => {
      if ((request as ProvidersRequest).type === 'find') asked.add(relay)
      return answers(relay, protocol, request)
    }
    const link = await meanwhile(anna.share([file('a.txt', 'one')]))
    expect(decodeLink(link).relays).toEqual(['hers.example'])
    const id = await boris.service.get(link, null)
    await meanwhile(boris.reached(id, 'complete'))
    asked.clear()
    await boris.restart()
    await meanwhile(untilTrue(() => asked.size > 0))
    expect([...asked]).toEqual(['relay.example'])
    await boris.service.passOn(id, false)
    await boris.restart()
    asked.clear()
    await meanwhile(new Promise<void>((resolve) => clock.after(20 * SETTLE_MS, resolve)))
    expect([...asked]).toEqual([])
  })

  test('is taken back by nobody else', async () => {
    const [anna, boris] = await two()
    const mallory = await Device.start()
    const records = relayOf([boris])
    const link = await meanwhile(anna.share([file('a.txt', 'one')]))
    const { content } = decodeLink(link)
    const { identity } = mallory
    const subject = revocationSubjectOf(manifestHashOf(content))
    const times = { madeAtMs: clock.now(), expiresAtMs: clock.now() + HOUR_MS }
    const hers = await sealRevocation({ subject, peer: identity.peer, ...times }, identity)
    await records.put(hers, 'away')
    // Whatever is asked, her word is answered.
    const { answers } = boris.host.network
    boris.host.network.answers = async (relay, protocol, request) => {
      const answer = (await answers(relay, protocol, request)) as { type: string }
      return answer.type === 'providers' ? { type: 'providers', records: [hers] } : answer
    }
    const id = await boris.service.get(link, null)
    await meanwhile(boris.reached(id, 'complete'))
    await boris.restart()
    await meanwhile(new Promise<void>((resolve) => clock.after(SETTLE_MS * 2, resolve)))
    expect(await meanwhile(boris.reached(id, 'complete'))).toMatchObject({ problem: null })
  })

  test('is another content when it is shared again, which lives', async () => {
    const { anna, boris, link, records } = await takenBack()
    await anna.restart()
    network.connect(anna.host, boris.host)
    const again = await meanwhile(anna.share([file('a.txt', 'one')]))
    expect(decodeLink(again).content).not.toBe(decodeLink(link).content)
    const id = await boris.service.get(again, null)
    await meanwhile(boris.reached(id, 'complete'))
    await boris.restart()
    await meanwhile(untilTrue(() => records.some(revocationKey(anna, link), 9).length === 1))
    expect(await meanwhile(boris.reached(id, 'complete'))).toMatchObject({ problem: null })
  })
})

test('what has expired is given to nobody', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')], { expiresAfterMs: HOUR_MS }))
  clock.advance(HOUR_MS)
  const id = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(id, 'failed'))).toMatchObject({ problem: 'expired' })
})

test('who is being given it is given no more once it expires', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')], { expiresAfterMs: HOUR_MS }))
  // Nothing of it ever comes from the disk.
  anna.parts.get = () => new Promise(() => undefined)
  const id = await boris.service.get(link, null)
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  await meanwhile(until(anna.service.watchTransfer(shared!.id), (each) => each!.readers === 1))
  clock.advance(HOUR_MS)
  expect(await meanwhile(boris.reached(id, 'failed'))).toMatchObject({ problem: 'expired' })
  expect((await meanwhile(until(anna.service.watchTransfer(shared!.id))))!.readers).toBe(0)
})

test('what expires among several is given no more, the others are, and no timer outlives them', async () => {
  const [anna, boris] = await two()
  const links = [
    await meanwhile(anna.share([file('a.txt', 'one')], { expiresAfterMs: HOUR_MS })),
    await meanwhile(anna.share([file('b.txt', 'two')], { expiresAfterMs: 3 * HOUR_MS })),
  ]
  anna.parts.get = () => new Promise(() => undefined)
  const [first] = await Promise.all(links.map((link) => boris.service.get(link, null)))
  const read = (count: number): Promise<unknown> =>
    meanwhile(
      until(
        anna.service.watchTransfers(),
        (all) => all.reduce((sum, { readers }) => sum + readers, 0) === count,
      ),
    )
  await read(2)
  clock.advance(HOUR_MS)
  expect(await meanwhile(boris.reached(first!, 'failed'))).toMatchObject({ problem: 'expired' })
  await read(1)
  for (const device of [anna, boris]) await device.service.stop()
  expect(clock.pending).toBe(0)
})

test('until when a link works is known to who got it, too', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')], { expiresAfterMs: HOUR_MS }))
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  expect(shared!.expiresAtMs).not.toBeNull()
  const id = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(id, 'complete'))).toMatchObject({
    expiresAtMs: shared!.expiresAtMs,
  })
})

test('it is given to as many people as it is for', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')], { downloadLimit: 1 }))
  const first = await boris.service.get(link, null)
  await meanwhile(boris.reached(first, 'complete'))
  const vera = await Device.start()
  network.connect(anna.host, vera.host)
  const second = await vera.service.get(link, null)
  expect(await meanwhile(vera.reached(second, 'failed'))).toMatchObject({
    problem: 'limit-reached',
  })
})

test('who comes when as many as it is for have come is one too many, though they have nothing yet', async () => {
  const [anna, boris] = await two()
  const vera = await Device.start()
  const link = await meanwhile(anna.share([file('a.txt', 'one')], { downloadLimit: 1 }))
  const disk = Promise.withResolvers<undefined>()
  const get = anna.parts.get.bind(anna.parts)
  anna.parts.get = async (...where) => {
    await disk.promise
    return get(...where)
  }
  const first = await boris.service.get(link, null)
  await meanwhile(until(anna.service.watchTransfers(), ([shared]) => shared?.readers === 1))
  network.connect(anna.host, vera.host)
  const second = await vera.service.get(link, null)
  expect(await meanwhile(vera.reached(second, 'failed'))).toMatchObject({
    problem: 'limit-reached',
  })
  disk.resolve(undefined)
  await meanwhile(boris.reached(first, 'complete'))
})

test('paused, nothing comes; resumed, all does', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  network.disconnect(anna.host, boris.host)
  const id = await boris.service.get(link, null)
  await boris.service.pause(id)
  network.connect(anna.host, boris.host)
  expect((await meanwhile(boris.reached(id, 'paused'))).verifiedBytes).toBe(0)
  await expect(boris.text(id)).rejects.toThrow(NotCompleteError)
  await boris.service.resume(id)
  await meanwhile(boris.reached(id, 'complete'))
})

test('of what is large the person is told what it is, and nothing more comes until they want it', async () => {
  const [anna, boris] = await two()
  const large = { path: 'film.mkv', file: new Blob([new Uint8Array(MAX_UNASKED_BYTES + 1)]) }
  const link = await meanwhile(anna.share([large]))
  const id = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(id, 'offered'))).toMatchObject({
    name: 'film.mkv',
    bytes: MAX_UNASKED_BYTES + 1,
  })
  await meanwhile(until(boris.service.watchTransfer(id), (each) => each!.sources === 0))
  await boris.restart()
  expect((await meanwhile(boris.reached(id, 'offered'))).verifiedBytes).toBeLessThan(10_000_000)
  network.connect(anna.host, boris.host)
  await boris.service.resume(id)
  expect((await meanwhile(boris.reached(id, 'complete'))).verifiedBytes).toBe(MAX_UNASKED_BYTES + 1)
})

test('of many small files as many bytes are here as those have that are', async () => {
  const [anna, boris] = await two()
  const files = Array.from({ length: 100 }, (_, at) => file(`${at}.txt`, `${at}`.padEnd(1_000)))
  const link = await meanwhile(anna.share(files))
  // The manifest, the description, and half of the files.
  boris.parts.room = 52
  const id = await boris.service.get(link, null)
  const half = { bytes: 100_000, verifiedBytes: 50_000 }
  expect(await meanwhile(boris.reached(id, 'failed'))).toMatchObject(half)
  await boris.restart()
  expect(await meanwhile(boris.reached(id, 'failed'))).toMatchObject(half)
  // What is all here counts whole, also before anybody looks at it.
  await anna.restart()
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  expect(shared).toMatchObject({ bytes: 100_000, verifiedBytes: 100_000 })
})

test('without room nothing is lost, and it goes on once there is some', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one'), file('b.txt', 'two')]))
  boris.parts.room = 2
  const id = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(id, 'failed'))).toMatchObject({ problem: 'storage-full' })
  boris.parts.room = Infinity
  await boris.service.resume(id)
  // Nobody was needed meanwhile.
  network.connect(anna.host, boris.host)
  await meanwhile(boris.reached(id, 'complete'))
})

describe('where room is needed', () => {
  /** Somebody who got these from Anna, one after the other, and saved them elsewhere. */
  async function saved(names: string[]): Promise<{ anna: Device; boris: Device; ids: string[] }> {
    const [anna, boris] = await two()
    const ids: string[] = []
    for (const name of names) {
      const link = await meanwhile(anna.share([file(name, name)]))
      // Nobody was needed meanwhile.
      network.connect(anna.host, boris.host)
      const id = await boris.service.get(link, null)
      await meanwhile(boris.reached(id, 'complete'))
      await boris.service.saved(id)
      clock.advance(1_000)
      ids.push(id)
    }
    return { anna, boris, ids }
  }

  async function states({ service }: Device, ids: string[]): Promise<Transfer['state'][]> {
    const all = await meanwhile(until(service.watchTransfers()))
    return ids.map((id) => all.find((each) => each.id === id)!.state)
  }

  test('what was saved and used longest ago goes first, and nothing else', async () => {
    const { boris, ids } = await saved(['one.', 'two.', 'three'])
    await boris.text(ids[0]!)
    await boris.choose({ spareBytes: 9 })
    await meanwhile(boris.reached(ids[1]!, 'freed'))
    expect(await states(boris, ids)).toEqual(['complete', 'freed', 'complete'])
    expect(await meanwhile(until(boris.service.watchRoom()))).toEqual({
      keptBytes: 0,
      spareBytes: 9,
      spareLimitBytes: 9,
    })
  })

  test('both sides are told what came and went today', async () => {
    const { anna, boris } = await saved(['one'])
    const [gave, got] = await Promise.all(
      [anna, boris].map(async ({ service }) => (await until(service.watchTotals())).at(-1)!),
    )
    expect(gave!.down).toBe(0)
    expect(gave!.up).toBeGreaterThan('one'.length)
    expect(got).toMatchObject({ down: gave!.up, up: 0 })
  })

  test('what is kept, shared or not saved stays', async () => {
    const { boris, ids } = await saved(['one', 'two'])
    await boris.service.keep(ids[0]!, true)
    await meanwhile(boris.share([file('own.txt', 'mine')]))
    await boris.service.free()
    expect(await states(boris, ids)).toEqual(['complete', 'freed'])
    expect(await boris.text(ids[0]!)).toBe('one')
  })

  test('a full disk takes what can be spared, and nothing fails', async () => {
    const { boris, ids } = await saved(['one', 'two'])
    const drop = boris.parts.drop.bind(boris.parts)
    boris.parts.drop = async (shelf) => {
      await drop(shelf)
      boris.parts.room = 3
    }
    boris.parts.room = 0
    await meanwhile(boris.share([file('own.txt', 'mine')]))
    expect(await states(boris, ids)).toEqual(['freed', 'complete'])
  })

  test('a full disk takes what can be spared, also when what comes was begun before a restart', async () => {
    const { anna, boris, ids } = await saved(['one'])
    const link = await meanwhile(anna.share([file('more.txt', 'more')]))
    network.disconnect(anna.host, boris.host)
    const id = await boris.service.get(link, null)
    await boris.restart()
    const drop = boris.parts.drop.bind(boris.parts)
    boris.parts.drop = async (shelf) => {
      await drop(shelf)
      boris.parts.room = 3
    }
    boris.parts.room = 0
    network.connect(anna.host, boris.host)
    await meanwhile(boris.reached(id, 'complete'))
    expect(await states(boris, ids)).toEqual(['freed'])
  })

  test('what went can be got again', async () => {
    const { anna, boris, ids } = await saved(['one'])
    await boris.service.free()
    await expect(boris.text(ids[0]!)).rejects.toThrow(NotCompleteError)
    await boris.restart()
    expect(await states(boris, ids)).toEqual(['freed'])
    await boris.service.resume(ids[0]!)
    network.connect(anna.host, boris.host)
    await meanwhile(boris.reached(ids[0]!, 'complete'))
    expect(await boris.text(ids[0]!)).toBe('one')
  })
})

describe('of many at once', () => {
  test('three come, the next when one is done, in the order the person chose', async () => {
    const [anna, boris] = await two()
    // What a file is comes, the file itself does not until it may.
    const may = Promise.withResolvers<undefined>()
    const put = boris.parts.put.bind(boris.parts)
    boris.parts.put = async (shelf, part, hash, bytes) => {
      if (bytes.byteLength > 10_000) await may.promise
      await put(shelf, part, hash, bytes)
    }
    const long = 'long'.repeat(25_000)
    const ids: string[] = []
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      ids.push(await boris.service.get(await meanwhile(anna.share([file(name, long)])), null))
    }
    for (const [at, name] of ['a', 'b', 'c', 'd', 'e'].entries()) {
      const coming = await meanwhile(boris.reached(ids[at]!, at < 3 ? 'getting' : 'queued'))
      if (at >= 3) expect(coming).toMatchObject({ name, files: 1, bytes: long.length })
    }
    await boris.service.move(ids[4]!, 'sooner')
    await boris.service.remove(ids[0]!)
    await meanwhile(boris.reached(ids[4]!, 'looking', 'getting'))
    await meanwhile(boris.reached(ids[3]!, 'queued'))
    may.resolve(undefined)
    for (const id of ids.slice(1)) await meanwhile(boris.reached(id, 'complete'))
  })

  test('who is not to be found holds up nobody', async () => {
    const [anna, boris] = await two()
    const away = await Device.start()
    for (const name of ['a', 'b', 'c']) {
      await boris.service.get(await meanwhile(away.share([file(name, name)])), null)
    }
    const id = await boris.service.get(await meanwhile(anna.share([file('d', 'd')])), null)
    await meanwhile(boris.reached(id, 'complete'))
  })
})

test('no copy is wanted for longer than relays keep one, or beside a number of people', async () => {
  const anna = await Device.start()
  const share = (choices: Partial<ShareChoices>): Promise<string> =>
    anna.service.share([file('a', 'a')], { ...freely, ...choices })
  await expect(share({ copyForMs: MAX_KEEP_MS + 1 })).rejects.toThrow(LimitExceededError)
  await expect(share({ copyForMs: 1, downloadLimit: 1 })).rejects.toThrow(InvalidDataError)
  const id = await share({})
  await expect(anna.service.keepCopy(id, MAX_KEEP_MS + 1)).rejects.toThrow(InvalidDataError)
  await anna.service.keepCopy(id, MAX_KEEP_MS)
})

describe('who shares sees of each who gets it', () => {
  /** Two files, of which Boris is given what describes them, and reads on over another path. */
  async function begun(passOn: boolean): Promise<[Device, Device, string]> {
    const [anna, boris] = await two()
    await boris.passOn(passOn)
    const link = await meanwhile(anna.share([file('a.txt', 'one'), file('b.txt', 'two')]))
    const [shared] = await meanwhile(until(anna.service.watchTransfers()))
    const get = anna.parts.get.bind(anna.parts)
    anna.parts.get = (shelf, part) =>
      part.kind === 'leaf' && part.index < 2 ? new Promise(() => undefined) : get(shelf, part)
    const id = await boris.service.get(link, null)
    await meanwhile(until(boris.service.watchTransfer(id), (each) => each!.name !== null))
    network.renew(anna.host, boris.host)
    return [anna, boris, shared!.id]
  }

  test('how much of it they have, whatever the path and whoever gave it', async () => {
    const [anna, boris, id] = await begun(true)
    const details = await meanwhile(
      until(anna.service.watchTransfer(id), (each) => each!.peers.some(({ share }) => share! > 0)),
    )
    expect(details!.peers).toMatchObject([{ peer: boris.identity.peer, share: 1 / 3 }])
  })

  test('how much they were given, where they tell nobody what they have', async () => {
    const [anna, boris, id] = await begun(false)
    const details = await meanwhile(
      until(anna.service.watchTransfer(id), (each) => each!.peers.length > 0),
    )
    const [reader] = details!.peers
    expect(reader).toMatchObject({ peer: boris.identity.peer, share: null, msLeft: null })
    expect(reader!.given).toBeGreaterThan(0)
    expect(reader!.given).toBeLessThan(1)
  })
})

test('who gets something sees for how long somebody has given nothing they were asked for', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  anna.parts.get = () => new Promise(() => undefined)
  const id = await boris.service.get(link, null)
  const stalled = (told: TransferDetails | null) => told!.peers[0]?.stalledForMs ?? null
  const begun = await meanwhile(
    until(boris.service.watchTransfer(id), (told) => told!.peers.length > 0),
  )
  expect(stalled(begun)).toBeNull()
  const told = await meanwhile(
    until(boris.service.watchTransfer(id), (told) => stalled(told) !== null),
  )
  expect(stalled(told)).toBeGreaterThanOrEqual(STALL_MS)
})

test('who shares learns how many people have all of it, also after a restart; relays are none', async () => {
  const anna = await Device.start()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  const relay = await Device.start()
  vi.spyOn(anna.host.network, 'links').mockReturnValue([
    { peer: relay.identity.peer, relay: 'relay.example' } as LinkInfo,
  ])
  for (const device of [await Device.start(), relay, await Device.start()]) {
    network.connect(anna.host, device.host)
    const id = await device.service.get(link, null)
    await meanwhile(device.reached(id, 'complete'))
  }
  const told = await meanwhile(
    until(anna.service.watchTransfer(shared!.id), (each) => each!.served === 2),
  )
  expect(told!.state).toBe('shared')
  await anna.restart()
  expect((await meanwhile(until(anna.service.watchTransfer(shared!.id))))!.served).toBe(2)
})

test('who waits because nobody gives them anything is told so, after a while', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  await anna.service.pause(shared!.id)
  const beganAtMs = clock.now()
  const id = await boris.service.get(link, null)
  await meanwhile(until(boris.service.watchTransfer(id), (each) => each!.awaitsTurn))
  expect(clock.now() - beganAtMs).toBeGreaterThanOrEqual(3_000)
  await anna.service.resume(shared!.id)
  expect(await meanwhile(boris.reached(id, 'complete'))).toMatchObject({ awaitsTurn: false })
})

test('while files are taken in, it is told how fast and how long yet', async () => {
  const anna = await Device.start()
  const put = anna.parts.put.bind(anna.parts)
  const disk = Promise.withResolvers<undefined>()
  anna.parts.put = async (shelf, part, hash, bytes) => {
    if (part.index >= 30) await disk.promise
    return put(shelf, part, hash, bytes)
  }
  const large = { path: 'film.mkv', file: new Blob([new Uint8Array(60 * CHUNK_BYTES)]) }
  const id = await anna.service.share([large], freely)
  const half = await meanwhile(
    until(anna.service.watchTransfer(id), (each) => each!.verifiedBytes >= 20 * CHUNK_BYTES),
  )
  expect(half!.state).toBe('reading')
  expect(half!.bytesPerSecond.down).toBeGreaterThan(0)
  expect(half!.msLeft).toBeGreaterThan(0)
  disk.resolve(undefined)
  expect(await meanwhile(anna.reached(id, 'shared'))).toMatchObject({
    bytesPerSecond: { down: 0, up: 0 },
    msLeft: null,
  })
})

test('what is taken out leaves nothing behind, and is not given any more', async () => {
  const [anna, boris] = await two()
  const link = await meanwhile(anna.share([file('a.txt', 'one')]))
  const [shared] = await meanwhile(until(anna.service.watchTransfers()))
  await anna.service.remove(shared!.id)
  expect(await meanwhile(until(anna.service.watchTransfers()))).toEqual([])
  expect(anna.parts.size).toBe(0)
  const id = await boris.service.get(link, null)
  expect((await meanwhile(boris.reached(id, 'looking'))).problem).toBeNull()
  await expect(anna.text(shared!.id)).rejects.toThrow(UnknownTransferError)
})

test('a file that is gone before it is read makes no link', async () => {
  const anna = await Device.start()
  const gone = new Blob(['x'])
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error('gone')) }) as unknown as Blob
  const id = await anna.service.share([{ path: 'a', file: gone }], freely)
  expect(await meanwhile(anna.reached(id, 'failed'))).toMatchObject({ problem: 'unreadable' })
  expect(anna.parts.size).toBe(0)
})

test('what was being read when the host ended is said to be so', async () => {
  const anna = await Device.start()
  const slow = new Blob(['x'])
  slow.slice = () => ({ arrayBuffer: () => new Promise(() => undefined) }) as unknown as Blob
  const id = await anna.service.share([{ path: 'a', file: slow }], freely)
  await anna.restart()
  expect(await meanwhile(anna.reached(id, 'failed'))).toMatchObject({ problem: 'unreadable' })
})

test('an empty folder is shared with the files beside it, in an archive too', async () => {
  const [anna, boris] = await two()
  const folder = { path: 'trip/later', file: new Blob([], { type: FOLDER_TYPE }) }
  const link = await meanwhile(anna.share([file('trip/a.txt', 'one'), folder]))
  const id = await boris.service.get(link, null)
  expect(await meanwhile(boris.reached(id, 'complete'))).toMatchObject({ name: 'trip', files: 1 })
  const details = await meanwhile(until(boris.service.watchTransfer(id)))
  expect(details!.list.map(isFolder)).toEqual([false, true])
  expect(await boris.text(id, null)).toContain('trip/later/')

  const alone = await meanwhile(anna.share([{ ...folder, path: 'later' }]))
  network.connect(anna.host, boris.host)
  const other = await boris.service.get(alone, null)
  expect(await meanwhile(boris.reached(other, 'complete'))).toMatchObject({
    name: 'later',
    files: 0,
  })
  expect(await boris.text(other, null)).toContain('later/')
})

test('files of one name are told apart, and a folder gives its name', async () => {
  const anna = await Device.start()
  const id = await anna.service.share(
    [file('trip/a.txt', '1'), file('trip/a.txt', '2'), file('trip/../trip/a', '3')],
    freely,
  )
  await meanwhile(anna.reached(id, 'shared'))
  const details = await meanwhile(until(anna.service.watchTransfer(id)))
  expect(details!.name).toBe('trip')
  expect(details!.list.map(({ path }) => path)).toEqual([
    'trip/a.txt',
    'trip/a (2).txt',
    'trip/trip/a',
  ])
})

test('nothing is not shared, and no text that is no link is followed', async () => {
  const anna = await Device.start()
  await expect(anna.service.share([], freely)).rejects.toThrow(NothingToShareError)
  await expect(anna.service.get('#/c/abc', null)).rejects.toThrow(MalformedLinkError)
  await expect(anna.service.get('hello', null)).rejects.toThrow(MalformedLinkError)
})
