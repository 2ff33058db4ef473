import { badLine } from './bad-line.ts'
import { KINDS, type Kind, ROUTERS, rules, SEEN_AS } from './kinds.ts'
import { Namespace } from './namespace.ts'

/** `bad`: 100 ms there and back, 2 % loss each way, 5 Mbit/s. */
export type Line = 'good' | 'bad'

/** One person's machine behind routers of one kind. */
export class Side implements AsyncDisposable {
  /** Where their browser runs. */
  readonly home: Namespace
  #kind: Kind
  /** Its way to the internet. */
  #uplink: AsyncDisposable | null = null

  private constructor(kind: Kind, home: Namespace) {
    this.#kind = kind
    this.home = home
  }

  /**
   * @param n up to 255: no other side has it
   */
  static async behind(
    kind: Kind,
    internet: Namespace,
    n: number,
    line: Line = 'good',
  ): Promise<Side> {
    await using stack = new AsyncDisposableStack()
    const side = new Side(kind, await Namespace.make(`${n}-home`))
    stack.use(side)
    await side.moveTo(kind, internet, n, line)
    stack.move()
    return side
  }

  /** Its way to the internet ends, and it has another, of these: as when a phone leaves the house. */
  async moveTo(kind: Kind, internet: Namespace, n: number, line: Line = 'good'): Promise<void> {
    await this.#uplink?.[Symbol.asyncDispose]()
    this.#uplink = null
    this.#uplink = await this.#linkTo(kind, internet, n, line)
    this.#kind = kind
  }

  /** Laid from the internet inwards: 12.0.n.0/24, then, where a carrier is between, 100.64.n.0/24, then 10.0.n.0/24. */
  async #linkTo(kind: Kind, internet: Namespace, n: number, line: Line): Promise<AsyncDisposable> {
    await using stack = new AsyncDisposableStack()
    const routers = ROUTERS[kind].toReversed()
    const nets = [`12.0.${n}`, ...(routers.length > 1 ? [`100.64.${n}`] : []), `10.0.${n}`]
    let outer = internet
    for (const [depth, behaviour] of [...routers, null].entries()) {
      const inner =
        behaviour === null ? this.home : stack.use(await Namespace.make(`${n}-router${depth}`))
      const net = nets[depth]!
      const above = outer
      const device = above === internet ? `side${n}` : 'lan'
      const there: [string, string] = ['wan', `${net}.2/24`]
      if (above === internet && line === 'bad') {
        const ends = [[above, device, `${net}.1/24`] as const, [inner, ...there] as const] as const
        stack.use(await badLine(ends, `${n}-line`))
      } else {
        await above.link([device, `${net}.1/24`], inner, there)
        stack.defer(() => above.unlink(device))
      }
      await inner.routeBy(`${net}.1`)
      if (behaviour !== null) inner.rule(rules(behaviour, `${nets[depth + 1]!}.2`))
      outer = inner
    }
    return stack.move()
  }

  /** Holds what a probe sees from here against what the kind promises. @throws Error when it is something else */
  async verify(servers: readonly [string, string]): Promise<void> {
    const seen = await this.home.run(process.execPath, 'tests/nat/probe.ts', ...servers)
    if (seen.trim() !== SEEN_AS[this.#kind]) {
      throw new Error(`${this.#kind} (${KINDS.indexOf(this.#kind)}) looks like ${seen.trim()}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#uplink?.[Symbol.asyncDispose]()
    await this.home[Symbol.asyncDispose]()
  }
}
