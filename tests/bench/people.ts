import { setTimeout as delay } from 'node:timers/promises'
import type { Channel } from '../../src/lib/p2p/api.ts'
import { onState, person, type Person } from '../integration/p2p/person.ts'

const PROTOCOL = '/starling/bench/1.0.0'

/** How often a word is said again until it is heard: a channel that is replaced loses what was on it. */
const AGAIN_MS = 20

/** Two people with the node of the app in this process, where WebRTC is not, so that all they say goes through the relay. */
export class People implements AsyncDisposable {
  readonly #ada: Person
  readonly #bob: Person
  #channel: Channel | null = null
  #said = 0
  #heard = 0
  #onHeard = Promise.withResolvers<undefined>()

  private constructor(ada: Person, bob: Person) {
    this.#ada = ada
    this.#bob = bob
  }

  /** Starts both. */
  static async at({ origin }: { origin: string }): Promise<People> {
    const people = new People(await person({ origin }), await person({ origin }))
    await people.#meet(new URL(origin).host)
    return people
  }

  /** Milliseconds until the other has heard something that is said from now on. */
  async say(): Promise<number> {
    const startMs = performance.now()
    const word = (this.#said += 1)
    while (this.#heard < word) {
      // What breaks on the way is said again.
      this.#channel?.send(new TextEncoder().encode(String(word))).catch(() => undefined)
      await Promise.race([this.#onHeard.promise, delay(AGAIN_MS)])
    }
    return performance.now() - startMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#ada.node.stop(), this.#bob.node.stop()])
  }

  async #meet(host: string): Promise<void> {
    for (const { node } of [this.#ada, this.#bob]) await node.start()
    await this.#serve(this.#ada, this.#bob, (channel) => {
      this.#channel = channel
    })
    await this.#serve(this.#bob, this.#ada, (channel) => {
      void this.#listen(channel)
    })
    // Who is wanted before they have a place is tried again only after a while.
    await Promise.all([onState(this.#ada.node, 'online'), onState(this.#bob.node, 'online')])
    this.#ada.node.peers.want(this.#bob.peer, [host])
    this.#bob.node.peers.want(this.#ada.peer, [host])
  }

  async #serve(of: Person, to: Person, onChannel: (channel: Channel) => void): Promise<void> {
    await of.node.channels.handle({
      protocol: PROTOCOL,
      maxFrameBytes: 1_024,
      accept: (peer) => peer === to.peer,
      onChannel,
    })
  }

  async #listen(channel: Channel): Promise<void> {
    try {
      for await (const frame of channel.frames()) {
        this.#heard = Math.max(this.#heard, Number(new TextDecoder().decode(frame)))
        this.#onHeard.resolve(undefined)
        this.#onHeard = Promise.withResolvers()
      }
    } catch {
      // Another channel takes its place.
    }
  }
}
