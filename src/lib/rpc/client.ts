import { check } from '../protocol/check.ts'
import { LimitExceededError } from '../protocol/errors.ts'
import type { AbortOptions } from './api.ts'
import type { ErrorClasses } from './errors.ts'
import { MAX_CREDIT, MAX_OPEN, toTabSchema, type ToHost, type ToTab } from './messages.ts'
import { isFlow, type AnyMethodTable, type MethodKind, type MethodTable } from './methods.ts'
import { Subscription } from './subscription.ts'

type Send = (message: ToHost) => void

/** A call or flow that has not ended. */
interface Open {
  readonly opening: Extract<ToHost, { type: 'call' | 'open' }>
  /** Whether it can be asked again of another host: a watch begins with the present, what is idempotent does no more. */
  readonly resumable: boolean
  sent: boolean
  receive(message: ToTab): void
  fail(error: Error): void
}

/**
 * The asking side. A host can be attached, detached and replaced: what was asked for meanwhile waits, watches and
 * idempotent calls go to the next host by themselves, in the order they were asked in, and other calls under way fail
 * because nobody knows whether they were carried out.
 */
export class RpcClient {
  readonly #errors: ErrorClasses
  readonly #open = new Map<number, Open>()
  #send: Send | null = null
  #closed: Error | null = null
  #lastId = 0

  constructor(errors: ErrorClasses) {
    this.#errors = errors
  }

  /** An object with the methods of the table, each of which asks the host. */
  api<Api>(methods: MethodTable<Api>): Api {
    const components = Object.entries(methods as AnyMethodTable).map(([component, kinds]) => [
      component,
      Object.fromEntries(
        Object.entries(kinds).map(([method, kind]) => [
          method,
          (...args: unknown[]) => this.#ask(kind, component, method, args),
        ]),
      ) as unknown,
    ])
    return Object.fromEntries(components) as Api
  }

  attach(send: Send): void {
    this.#send = send
    for (const each of this.#open.values()) {
      each.sent = true
      send(each.opening)
    }
  }

  /** The host is gone, for this reason. */
  detach(reason: Error): void {
    this.#send = null
    for (const [id, each] of [...this.#open]) {
      if (!each.sent) continue
      each.sent = false
      if (!each.resumable) this.#fail(id, each, reason)
    }
  }

  /** No other host will come, for this reason: calls fail, now and from now on. Watches show what they showed. */
  close(reason: Error): void {
    this.#closed = reason
    this.#send = null
    for (const [id, each] of [...this.#open]) {
      each.sent = false
      if (each.opening.type === 'call') this.#fail(id, each, reason)
    }
  }

  /** @throws InvalidDataError when `message` is not one of the protocol's. */
  receive(message: unknown): void {
    const answer = check(toTabSchema, message)
    const open = this.#open.get(answer.id)
    if (open === undefined) return
    if (answer.type !== 'item') this.#open.delete(answer.id)
    if (answer.type === 'failure') open.fail(this.#errors.decode(answer.error))
    else open.receive(answer)
  }

  #ask(kind: MethodKind, component: string, method: string, given: unknown[]): unknown {
    const { args, signal } = withoutOptions(given)
    const target = { component, method, args }
    if (isFlow(kind)) return this.#flow(kind, target, signal)
    return this.#call(kind === 'idempotent', target, signal)
  }

  async #call(
    resumable: boolean,
    target: Target,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    signal?.throwIfAborted()
    if (this.#closed !== null) throw this.#closed
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const id = this.#begin({
      opening: { type: 'call', id: this.#nextId(), ...target },
      resumable,
      receive: (message) => {
        if (message.type === 'result') resolve(message.value)
      },
      fail: reject,
    })
    const abort = (): void => {
      this.#cancel(id)
      reject(signal?.reason as Error)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  #flow(
    kind: 'watch' | 'stream',
    target: Target,
    signal: AbortSignal | undefined,
  ): AsyncIterable<unknown> {
    return {
      [Symbol.asyncIterator]: () => {
        const credit = kind === 'watch' ? 1 : MAX_CREDIT
        const id = this.#nextId()
        const subscription = new Subscription({
          keep: kind === 'watch' ? 'latest' : 'every',
          signal,
          onRead: () => {
            this.#tell({ type: 'credit', id, count: 1 })
          },
          onClose: () => {
            this.#cancel(id)
          },
        })
        if (signal?.aborted === true) return subscription
        this.#begin({
          opening: { type: 'open', id, ...target, credit },
          resumable: kind === 'watch',
          receive: (message) => {
            if (message.type === 'item') subscription.push(message.value)
            else subscription.end()
          },
          fail: (error) => {
            subscription.end(error)
          },
        })
        return subscription
      },
    }
  }

  #begin(open: Omit<Open, 'sent'>): number {
    if (this.#open.size >= MAX_OPEN) {
      throw new LimitExceededError(`more than ${MAX_OPEN} calls at once`)
    }
    const { id } = open.opening
    // Posting first: what cannot be copied must fail here and not stay open.
    this.#send?.(open.opening)
    this.#open.set(id, { ...open, sent: this.#send !== null })
    return id
  }

  #fail(id: number, open: Open, reason: Error): void {
    this.#open.delete(id)
    open.fail(reason)
  }

  #cancel(id: number): void {
    const sent = this.#open.get(id)?.sent
    this.#open.delete(id)
    if (sent === true) this.#send?.({ type: 'cancel', id })
  }

  #tell(message: Extract<ToHost, { type: 'credit' }>): void {
    if (this.#open.get(message.id)?.sent === true) this.#send?.(message)
  }

  #nextId(): number {
    this.#lastId += 1
    return this.#lastId
  }
}

interface Target {
  component: string
  method: string
  args: unknown[]
}

/** Takes the `AbortOptions` off the end: a signal cannot cross a port. */
function withoutOptions(given: unknown[]): { args: unknown[]; signal: AbortSignal | undefined } {
  const last = given.at(-1)
  if (last === undefined) return { args: given.slice(0, -1), signal: undefined }
  if (!isAbortOptions(last)) return { args: given, signal: undefined }
  return { args: given.slice(0, -1), signal: last.signal }
}

function isAbortOptions(value: unknown): value is AbortOptions {
  if (typeof value !== 'object' || value === null) return false
  // A file has no keys of its own either.
  if (Object.getPrototypeOf(value) !== Object.prototype) return false
  const keys = Object.keys(value)
  return keys.every((key) => key === 'signal') && (keys.length === 0 || hasSignal(value))
}

function hasSignal(value: object): boolean {
  const { signal } = value as { signal?: unknown }
  return signal === undefined || signal instanceof AbortSignal
}
