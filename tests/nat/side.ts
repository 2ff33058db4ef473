import { KINDS, type Kind, ROUTERS, rules, SEEN_AS } from './kinds.ts'
import { Namespace } from './namespace.ts'

/** One person's machine behind routers of one kind. */
export class Side implements AsyncDisposable {
  readonly kind: Kind
  /** Where their browser runs. */
  readonly home: Namespace
  readonly #stack: AsyncDisposableStack

  private constructor(kind: Kind, home: Namespace, stack: AsyncDisposableStack) {
    this.kind = kind
    this.home = home
    this.#stack = stack
  }

  /**
   * Laid from the internet inwards: 12.0.n.0/24, then, where a carrier is between, 100.64.n.0/24, then 10.0.n.0/24.
   * @param n up to 255: no other side has it
   */
  static async behind(kind: Kind, internet: Namespace, n: number): Promise<Side> {
    await using stack = new AsyncDisposableStack()
    const routers = ROUTERS[kind].toReversed()
    const nets = [`12.0.${n}`, ...(routers.length > 1 ? [`100.64.${n}`] : []), `10.0.${n}`]
    let outer = internet
    for (const [depth, behaviour] of [...routers, null].entries()) {
      const label = `${n}-${behaviour === null ? 'home' : `router${depth}`}`
      const inner = stack.use(await Namespace.make(label))
      const net = nets[depth]!
      const above = outer
      const device = outer === internet ? `side${n}` : 'lan'
      await outer.link([device, `${net}.1/24`], inner, ['wan', `${net}.2/24`])
      stack.defer(() => above.unlink(device))
      await inner.routeBy(`${net}.1`)
      if (behaviour !== null) inner.rule(rules(behaviour, `${nets[depth + 1]!}.2`))
      outer = inner
    }
    return new Side(kind, outer, stack.move())
  }

  /** Holds what a probe sees from here against what the kind promises. @throws Error when it is something else */
  async verify(servers: readonly [string, string]): Promise<void> {
    const seen = await this.home.run(process.execPath, 'tests/nat/probe.ts', ...servers)
    if (seen.trim() !== SEEN_AS[this.kind]) {
      throw new Error(`${this.kind} (${KINDS.indexOf(this.kind)}) looks like ${seen.trim()}`)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}
