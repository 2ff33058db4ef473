import { afterEach, expect, test, vi } from 'vitest'
import { CONTRACT_VERSION } from '../../../src/lib/client/contract.ts'
import type { HostFinder } from '../../../src/lib/client/host-finder.ts'
import { NodeConnection } from '../../../src/lib/client/node-connection.ts'
import { ErrorClasses } from '../../../src/lib/rpc/errors.ts'
import type { Port } from '../../../src/lib/rpc/port.ts'
import { hostLock, type FromHost, type FromTab } from '../../../src/lib/rpc/session.ts'

/** A host as a tab sees it: what it was told, and a way to speak. */
class FakeHost {
  readonly heard: FromTab[] = []
  #listener: ((message: unknown) => void) | null = null

  readonly port: Port = {
    post: (message) => {
      this.heard.push(message as FromTab)
    },
    listen: (listener) => {
      this.#listener = listener
    },
    close: () => {
      this.#listener = null
    },
  }

  get closed(): boolean {
    return this.#listener === null
  }

  say(message: FromHost): void {
    this.#listener?.(message)
  }

  greet(host: string, build = 'b1'): void {
    this.say({ lane: 'hello', host, contract: CONTRACT_VERSION, build })
  }
}

/** Web Locks that the test lets go of. */
class FakeLocks {
  readonly #waiting = new Map<string, (() => void)[]>()

  request(name: string, _options: unknown, callback: () => unknown): Promise<unknown> {
    if (!name.startsWith('starling-host-')) return Promise.resolve(callback())
    return new Promise((resolve) => {
      this.#waiting.set(name, [
        ...(this.#waiting.get(name) ?? []),
        () => {
          resolve(callback())
        },
      ])
    })
  }

  release(name: string): void {
    for (const grant of this.#waiting.get(name) ?? []) grant()
  }
}

afterEach(() => {
  vi.unstubAllGlobals()
})

function connection() {
  vi.stubGlobal('document', { visibilityState: 'visible' })
  const hosts: FakeHost[] = []
  const served: AbortSignal[] = []
  const locks = new FakeLocks()
  const finder: HostFinder = {
    stale: new AbortController().signal,
    open() {
      const host = new FakeHost()
      hosts.push(host)
      return host.port
    },
  }
  const node = new NodeConnection(
    {
      finder,
      locks: locks as unknown as LockManager,
      errors: new ErrorClasses([]),
      bridge: {
        webrtc: true,
        serve: (_post, gone) => {
          served.push(gone)
          return () => undefined
        },
      },
    },
    { tab: 't1', build: 'b1' },
  )
  const over = node.run()
  return { node, hosts, locks, served, over }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('says who it is first, and is ready once the host has answered', async () => {
  const { node, hosts } = connection()
  await settled()
  expect(hosts[0]?.heard).toEqual([
    {
      lane: 'hello',
      tab: 't1',
      contract: CONTRACT_VERSION,
      build: 'b1',
      webrtc: true,
      visible: true,
    },
  ])
  expect(node.status.value).toBe('connecting')
  hosts[0]?.greet('h1')
  expect(node.status.value).toBe('ready')
})

test('says hello again when a host comes up later', async () => {
  const { hosts } = connection()
  await settled()
  hosts[0]?.say({ lane: 'up' })
  expect(hosts[0]?.heard.map(({ lane }) => lane)).toEqual(['hello', 'hello'])
})

test('a host of another build means that this page was replaced', async () => {
  const { node, hosts, over } = connection()
  await settled()
  hosts[0]?.greet('h1', 'b2')
  await over
  expect(node.status.value).toBe('replaced')
  expect(hosts[0]?.closed).toBe(true)
})

test.each(['replaced', 'locked', 'erased', 'failed'] as const)(
  'a host that leaves because it was %s is not looked for again',
  async (reason) => {
    const { node, hosts, over } = connection()
    await settled()
    hosts[0]?.greet('h1')
    hosts[0]?.say({ lane: 'leaving', reason })
    await over
    expect(node.status.value).toBe(reason)
    expect(hosts).toHaveLength(1)
  },
)

test('a host that dies is replaced by the next one, and its WebRTC connections are let go', async () => {
  const { node, hosts, locks, served } = connection()
  await settled()
  hosts[0]?.greet('h1')
  locks.release(hostLock('h1'))
  await settled()
  expect(served[0]?.aborted).toBe(true)
  expect(hosts).toHaveLength(2)
  expect(node.status.value).toBe('connecting')
  hosts[1]?.greet('h2')
  expect(node.status.value).toBe('ready')
})

test('a page that goes away says bye, lets go of WebRTC and looks for no other host', async () => {
  const { node, hosts, served, over } = connection()
  await settled()
  hosts[0]?.greet('h1')
  node.close()
  expect(hosts[0]?.heard.at(-1)).toEqual({ lane: 'bye' })
  expect(served[0]?.aborted).toBe(true)
  await over
  expect(hosts).toHaveLength(1)
})
