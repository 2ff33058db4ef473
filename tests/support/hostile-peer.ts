import { encode } from '@ipld/dag-cbor'
import { TypedEventEmitter } from 'main-event'
import { base64url } from 'multiformats/bases/base64'
import { first } from '#peer/first.ts'
import type { ChatApi } from '#lib/features/chat/api.ts'
import type { ContactsApi } from '#lib/features/contacts/api.ts'
import type { Keyring } from '#lib/features/vault/store.ts'
import type { WebRtcBridge, WebRtcBridgeEvents } from '#lib/p2p/api.ts'
import { LogRing } from '#lib/p2p/log-ring.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { composeStarling } from '#workers/starling.ts'
import { memoryDatabase } from '../fixtures/memory-database.ts'
import { MemoryPartStore } from '../fixtures/memory-part-store.ts'
import { signerOf } from '../fixtures/signers.ts'
import type { Relay } from './relay.ts'

class NoTab extends TypedEventEmitter<WebRtcBridgeEvents> implements WebRtcBridge {
  readonly available = true
}

/** Somebody whose node does whatever the test asks of it: a whole host in this process, with nothing on a disk. */
export class HostilePeer implements AsyncDisposable {
  readonly contacts: ContactsApi
  readonly chat: ChatApi
  readonly #stop: () => Promise<void>

  private constructor(contacts: ContactsApi, chat: ChatApi, stop: () => Promise<void>) {
    this.contacts = contacts
    this.chat = chat
    this.#stop = stop
  }

  static async start(relay: Relay, name: string): Promise<HostilePeer> {
    let keyring: Keyring | null = null
    const { api, started, stop } = composeStarling(
      {
        clock: systemClock,
        random: systemRandom,
        logs: new LogRing(systemClock),
        bridge: new NoTab(),
        pages: null,
        keyrings: {
          load: () => Promise.resolve(keyring),
          save: (next) => {
            keyring = next
            return Promise.resolve()
          },
          destroy: () => Promise.resolve(),
        },
        database: () => memoryDatabase(),
        parts: () => new MemoryPartStore(),
        isUnmetered: () => true,
        storage: { estimate: () => Promise.resolve({}) },
      },
      {
        origin: null,
        begin: Promise.resolve(),
        onLocked: () => undefined,
        onErased: () => undefined,
      },
    )
    await (await api.profile).create(name)
    await started
    const network = await api.network
    await network.addRelay(relay.origin)
    for await (const { state } of network.watchSelf()) if (state === 'online') break
    return new HostilePeer(await api.contacts, await api.chat, stop)
  }

  /** `#/c/…` */
  async fragment(): Promise<string> {
    return (await first(this.contacts.watchMyCode())).fragment
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
  }
}

/** The fragment of a card that says of itself what no honest Starling lets it say, rightly signed. @param seed another person each */
export async function cardSaying(seed: number, name: string): Promise<string> {
  const signer = await signerOf(seed)
  const body = encode([signer.publicKey, name, new Uint8Array(32), [], null])
  const signature = await signer.sign('starling-card-1', body)
  const card = Uint8Array.of(1, ...encode([body, signature]))
  return `#/c/${base64url.encode(card).slice(1)}`
}
