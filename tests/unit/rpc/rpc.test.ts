import { expect, test } from 'vitest'
import {
  InvalidDataError,
  LimitExceededError,
  StarlingError,
} from '../../../src/lib/protocol/errors.ts'
import type { Logger } from '../../../src/lib/protocol/seams.ts'
import type { AbortOptions } from '../../../src/lib/rpc/api.ts'
import { RpcClient } from '../../../src/lib/rpc/client.ts'
import {
  ErrorClasses,
  HostGoneError,
  MAX_ERROR_TEXT,
  RemoteError,
  UnknownMethodError,
} from '../../../src/lib/rpc/errors.ts'
import { MAX_ARGUMENTS, MAX_CREDIT, MAX_OPEN } from '../../../src/lib/rpc/messages.ts'
import type { MethodTable } from '../../../src/lib/rpc/methods.ts'
import { RpcServer } from '../../../src/lib/rpc/server.ts'

class KnownError extends StarlingError {
  override readonly name = 'KnownError'
}

class LongError extends StarlingError {
  override readonly name = 'LongError'

  constructor() {
    super('x'.repeat(MAX_ERROR_TEXT + 1))
  }
}

class StrangeError extends StarlingError {
  override readonly name = 'StrangeError'
}

interface Api {
  numbers: {
    add(a: number, b: number, options?: AbortOptions): Promise<number>
    fail(how: 'known' | 'strange' | 'long', options?: AbortOptions): Promise<never>
    never(options?: AbortOptions): Promise<void>
    put(count: number, options?: AbortOptions): Promise<number>
    size(file: Blob, options?: AbortOptions): Promise<number>
    watchCount(options?: AbortOptions): AsyncIterable<number>
    chunks(count: number, options?: AbortOptions): AsyncIterable<Uint8Array>
  }
}

const METHODS: MethodTable<Api> = {
  numbers: {
    add: 'call',
    fail: 'call',
    never: 'call',
    put: 'idempotent',
    size: 'call',
    watchCount: 'watch',
    chunks: 'stream',
  },
}

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** A count that the test turns, and what the host was told. */
class Numbers {
  count = 0
  aborted = 0
  sent = 0
  chunk: Uint8Array<ArrayBuffer> | null = null
  readonly puts: number[] = []
  /** What puts wait for. */
  gate = Promise.resolve()
  #changed = Promise.withResolvers<undefined>()

  set(count: number): void {
    this.count = count
    this.#changed.resolve(undefined)
    this.#changed = Promise.withResolvers()
  }

  add(a: number, b: number): Promise<number> {
    return Promise.resolve(a + b)
  }

  fail(how: 'known' | 'strange' | 'long'): Promise<never> {
    if (how === 'long') return Promise.reject(new LongError())
    return Promise.reject(how === 'known' ? new KnownError('so') : new StrangeError('odd'))
  }

  never({ signal }: AbortOptions = {}): Promise<void> {
    return new Promise((_, reject) => {
      signal?.addEventListener('abort', () => {
        this.aborted += 1
        reject(signal.reason as Error)
      })
    })
  }

  async put(count: number): Promise<number> {
    this.puts.push(count)
    await this.gate
    return count
  }

  size(file: Blob): Promise<number> {
    return Promise.resolve(file.size)
  }

  async *watchCount({ signal }: AbortOptions = {}): AsyncIterable<number> {
    const over = new Promise<undefined>((resolve) => {
      signal?.addEventListener('abort', () => {
        this.aborted += 1
        resolve(undefined)
      })
    })
    while (signal?.aborted !== true) {
      const changed = this.#changed.promise
      yield this.count
      await Promise.race([changed, over])
    }
  }

  async *chunks(count: number): AsyncIterable<Uint8Array> {
    for (let index = 0; index < count; index += 1) {
      this.sent += 1
      const chunk = Uint8Array.of(index)
      this.chunk = chunk
      yield await Promise.resolve(chunk)
    }
  }
}

/** Both ends, with messages cloned on the way as a port does. */
function connected(numbers = new Numbers()) {
  const client = new RpcClient(
    new ErrorClasses([KnownError, LimitExceededError, UnknownMethodError]),
  )
  const attach = (host: Numbers): RpcServer<Api> => {
    const server = new RpcServer<Api>({
      api: { numbers: Promise.resolve(host) },
      methods: METHODS,
      post: (message, transfer = []) => {
        const copy: unknown = structuredClone(message, { transfer })
        queueMicrotask(() => {
          client.receive(copy)
        })
      },
      log: silent,
    })
    client.attach((message) => {
      const copy: unknown = structuredClone(message)
      queueMicrotask(() => {
        server.receive(copy)
      })
    })
    return server
  }
  const server = attach(numbers)
  return { client, api: client.api(METHODS).numbers, numbers, server, attach }
}

/** Lets everything under way on the port arrive. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a call returns what the host answered', async () => {
  const { api } = connected()
  expect(await api.add(2, 3)).toBe(5)
})

test('a file is an argument, although nothing tells it from empty options', async () => {
  const { api } = connected()
  expect(await api.size(new Blob(['four']))).toBe(4)
})

test('an error keeps its class', async () => {
  const { api } = connected()
  await expect(api.fail('known')).rejects.toThrow(KnownError)
})

test('an error of an unknown class keeps its name', async () => {
  const { api } = connected()
  const error: unknown = await api.fail('strange').catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(RemoteError)
  expect(error).toMatchObject({ name: 'StrangeError', message: 'odd' })
})

test("an error's text is cut to its longest length", async () => {
  const { api } = connected()
  await expect(api.fail('long')).rejects.toThrow(
    new RemoteError('LongError', 'x'.repeat(MAX_ERROR_TEXT)),
  )
})

test('a call has as many arguments as allowed', () => {
  const { server } = connected()
  const call = (count: number) => ({
    type: 'call',
    id: 1,
    component: 'numbers',
    method: 'add',
    args: Array.from({ length: count }, () => 1),
  })
  expect(() => {
    server.receive(call(MAX_ARGUMENTS))
  }).not.toThrow()
  expect(() => {
    server.receive(call(MAX_ARGUMENTS + 1))
  }).toThrow(InvalidDataError)
})

test('aborting a call rejects it and reaches the host', async () => {
  const { api, numbers } = connected()
  const controller = new AbortController()
  const call = api.never({ signal: controller.signal })
  await settled()
  controller.abort(new DOMException('enough', 'AbortError'))
  await expect(call).rejects.toThrow('enough')
  await settled()
  expect(numbers.aborted).toBe(1)
})

test('a call that is aborted before it begins is not sent', async () => {
  const { api } = connected()
  await expect(api.add(1, 2, { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  })
})

test('a watch begins with the present and skips what nobody had time to read', async () => {
  const { api, numbers } = connected()
  const counts = api.watchCount()[Symbol.asyncIterator]()
  expect(await counts.next()).toEqual({ done: false, value: 0 })
  await settled()
  for (const count of [1, 2, 3, 4]) {
    numbers.set(count)
    await settled()
  }
  // One had been asked for ahead; of the rest only the newest is left.
  expect(await counts.next()).toEqual({ done: false, value: 1 })
  expect(await counts.next()).toEqual({ done: false, value: 4 })
})

test('leaving a watch ends it at the host', async () => {
  const { api, numbers } = connected()
  for await (const count of api.watchCount()) {
    expect(count).toBe(0)
    break
  }
  await settled()
  expect(numbers.aborted).toBe(1)
})

test('aborting a watch throws the reason once and ends it', async () => {
  const { api } = connected()
  const controller = new AbortController()
  const counts = api.watchCount({ signal: controller.signal })[Symbol.asyncIterator]()
  await counts.next()
  const waiting = counts.next()
  controller.abort(new Error('left'))
  await expect(waiting).rejects.toThrow('left')
  expect(await counts.next()).toEqual({ done: true, value: undefined })
})

test('a stream gives every item in order', async () => {
  const { api } = connected()
  const items: number[] = []
  for await (const [item] of api.chunks(100)) items.push(item!)
  expect(items).toEqual(Array.from({ length: 100 }, (_, index) => index))
})

test('the bytes of a stream go to who reads it', async () => {
  const { api, numbers } = connected()
  for await (const [item] of api.chunks(1)) expect(item).toBe(0)
  expect(numbers.chunk?.buffer.detached).toBe(true)
})

test('a stream waits for its reader once the credit is used up', async () => {
  const { api, numbers } = connected()
  const chunks = api.chunks(1000)[Symbol.asyncIterator]()
  await chunks.next()
  await settled()
  // One more is read from the source and waits for room.
  expect(numbers.sent).toBeLessThanOrEqual(MAX_CREDIT + 2)
})

test('when the host goes, calls under way fail and watches go on with the next one', async () => {
  const { api, client, attach } = connected()
  const counts = api.watchCount()[Symbol.asyncIterator]()
  await counts.next()
  const call = api.never()
  await settled()

  client.detach(new HostGoneError('gone'))
  await expect(call).rejects.toThrow(HostGoneError)
  const next = new Numbers()
  next.count = 7
  attach(next)

  expect(await counts.next()).toEqual({ done: false, value: 7 })
})

test('what is asked while there is no host waits for one', async () => {
  const { api, client, attach } = connected()
  client.detach(new HostGoneError('gone'))
  const sum = api.add(20, 22)
  attach(new Numbers())
  expect(await sum).toBe(42)
})

test('what is idempotent is asked again of the next host, in the order it was asked in', async () => {
  const { api, client, attach, numbers } = connected()
  numbers.gate = new Promise(() => undefined)
  const first = api.put(1)
  await settled()
  client.detach(new HostGoneError('gone'))
  const second = api.put(2)
  const next = new Numbers()
  attach(next)

  expect(await Promise.all([first, second])).toEqual([1, 2])
  expect([numbers.puts, next.puts]).toEqual([[1], [1, 2]])
})

test('when no other host will come, every call fails, also those that wait', async () => {
  const { api, client } = connected()
  client.detach(new HostGoneError('gone'))
  const calls = [api.add(1, 2), api.put(3)]
  client.close(new HostGoneError('left'))
  calls.push(api.put(4))
  for (const call of calls) await expect(call).rejects.toThrow('left')
})

test('a method the table does not have is refused', async () => {
  const { client } = connected()
  const other = client.api({ numbers: { toString: 'call' } } as unknown as MethodTable<{
    numbers: { toString(): Promise<unknown> }
  }>)
  await expect(other.numbers.toString()).rejects.toThrow(UnknownMethodError)
})

test(`a tab has at most ${MAX_OPEN} calls under way`, async () => {
  const { api, client } = connected()
  const calls = Array.from({ length: MAX_OPEN }, () => api.never())
  await expect(api.never()).rejects.toThrow(LimitExceededError)
  client.detach(new HostGoneError('gone'))
  const outcomes = await Promise.allSettled(calls)
  expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
})

test.each([
  null,
  7,
  { type: 'call' },
  { type: 'call', id: -1, component: 'a', method: 'b', args: [] },
])('a message out of shape is refused: %j', (message) => {
  const { server } = connected()
  expect(() => {
    server.receive(message)
  }).toThrow(InvalidDataError)
})
