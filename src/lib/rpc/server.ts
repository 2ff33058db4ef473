import { check } from '../protocol/check.ts'
import { LimitExceededError } from '../protocol/errors.ts'
import type { Logger } from '../protocol/seams.ts'
import { encodeError, UnknownMethodError } from './errors.ts'
import { Flow } from './flow.ts'
import { MAX_OPEN, toHostSchema, type ToHost, type ToTab } from './messages.ts'
import { isFlow, type AnyMethodTable, type MethodKind, type MethodTable } from './methods.ts'

/** Components, each of which comes in its own time. */
export type Promised<Api> = { readonly [C in keyof Api]: Promise<Api[C]> }

type Implementation = (...args: unknown[]) => unknown

export interface RpcServerInit<Api> {
  /** Each component, once it can be asked. */
  api: Promised<Api>
  methods: MethodTable<Api>
  /** @param given what of the message is the tab's alone from then on, where the port can give it away */
  post: (message: ToTab, given?: Transferable[]) => void
  log: Logger
}

/** Answers one tab's calls. */
export class RpcServer<Api extends object> {
  readonly #api: Promised<Api>
  readonly #methods: AnyMethodTable
  readonly #post: (message: ToTab, given?: Transferable[]) => void
  readonly #log: Logger
  readonly #open = new Map<number, Work>()

  constructor({ api, methods, post, log }: RpcServerInit<Api>) {
    this.#api = api
    this.#methods = methods
    this.#post = post
    this.#log = log
  }

  /** @throws InvalidDataError when `message` is not one of the protocol's. */
  receive(message: unknown): void {
    const request = check(toHostSchema, message)
    switch (request.type) {
      case 'call':
      case 'open':
        this.#start(request)
        return
      case 'credit':
        this.#open.get(request.id)?.flow?.grant(request.count)
        return
      case 'cancel':
        this.#end(request.id)
    }
  }

  /** The tab is gone: everything under way is cancelled. */
  close(): void {
    for (const id of [...this.#open.keys()]) this.#end(id)
  }

  #start(request: Extract<ToHost, { type: 'call' | 'open' }>): void {
    const { id } = request
    if (this.#open.has(id)) return
    if (this.#open.size >= MAX_OPEN) {
      this.#fail(id, new LimitExceededError(`more than ${MAX_OPEN} calls at once`))
      return
    }
    const work: Work = { controller: new AbortController(), flow: null }
    this.#open.set(id, work)
    this.#run(request, work).catch((error: unknown) => {
      if (!this.#open.delete(id)) return
      this.#log.debug(`${request.component}.${request.method} failed: ${String(error)}`)
      this.#fail(id, error)
    })
  }

  async #run(request: Extract<ToHost, { type: 'call' | 'open' }>, work: Work): Promise<void> {
    const { id, component, method, args } = request
    const kind = this.#kindOf(component, method)
    const { signal } = work.controller
    if (isFlow(kind) !== (request.type === 'open')) {
      throw new UnknownMethodError(`${component}.${method} is a ${kind}`)
    }
    const target = (await this.#api[component as keyof Api]) as Record<string, Implementation>
    const answer = target[method]!(...args, { signal })
    if (request.type === 'call') {
      const value = await answer
      if (!this.#open.delete(id)) return
      this.#post({ type: 'result', id, value })
      return
    }
    const flow = new Flow(kind === 'watch' ? 'latest' : 'every', (value) => {
      this.#post({ type: 'item', id, value }, kind === 'stream' ? buffersOf(value) : [])
    })
    work.flow = flow
    flow.grant(request.credit)
    await flow.pump(answer as AsyncIterable<unknown>, signal)
    if (this.#open.delete(id)) this.#post({ type: 'end', id })
  }

  #kindOf(component: string, method: string): MethodKind {
    const methods = Object.hasOwn(this.#methods, component) ? this.#methods[component]! : {}
    if (!Object.hasOwn(methods, method)) throw new UnknownMethodError(`${component}.${method}`)
    return methods[method]!
  }

  #fail(id: number, error: unknown): void {
    this.#post({ type: 'failure', id, error: encodeError(error) })
  }

  #end(id: number): void {
    const work = this.#open.get(id)
    this.#open.delete(id)
    work?.controller.abort(new DOMException('no longer wanted', 'AbortError'))
    work?.flow?.stop()
  }
}

/** The bytes of a stream go to the tab, which spares a copy and what would be garbage here. */
function buffersOf(item: unknown): ArrayBuffer[] {
  const whole = item instanceof Uint8Array && item.byteLength === item.buffer.byteLength
  return whole && item.buffer instanceof ArrayBuffer ? [item.buffer] : []
}

interface Work {
  controller: AbortController
  flow: Flow | null
}
