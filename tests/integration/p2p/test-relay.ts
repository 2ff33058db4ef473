import { Relay } from '../../support/relay.ts'

/** A real relay, which may fail and come back as the same one. */
export class TestRelay {
  readonly #relay: Relay

  private constructor(relay: Relay) {
    this.#relay = relay
  }

  static async start(...flags: string[]): Promise<TestRelay> {
    return new TestRelay(await Relay.start('--no-app', '--no-mdns', ...flags))
  }

  get host(): string {
    return `localhost:${this.#relay.port}`
  }

  get origin(): string {
    return this.#relay.origin
  }

  up(): Promise<void> {
    return this.#relay.up()
  }

  /** As a failing machine goes. */
  down(): Promise<void> {
    return this.#relay.kill()
  }

  async remove(): Promise<void> {
    await this.down()
    await this.#relay[Symbol.asyncDispose]()
  }
}
