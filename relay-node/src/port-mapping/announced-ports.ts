import type { AddressManager } from '@libp2p/interface-internal'
import { multiaddr } from '@multiformats/multiaddr'
import { type Mapped, NOTHING_MAPPED } from './mapped-ports.ts'

/**
 * What is mapped, as addresses of the relay: of each at which it listens on the router's network, the same outside. To be made
 * of libp2p's own components, as one of the node's services.
 */
export class AnnouncedPorts {
  readonly #addresses: AddressManager
  #mapped = NOTHING_MAPPED

  constructor({ addressManager }: { addressManager: AddressManager }) {
    this.#addresses = addressManager
  }

  /** Of the router; null: nothing is mapped. */
  get publicAddress(): string | null {
    return this.#mapped.address
  }

  /** In place of what was announced before. */
  announce(mapped: Mapped): void {
    if (sameAs(mapped, this.#mapped)) return
    const before = this.#mapped
    this.#mapped = mapped
    this.#each(before, (...mapping) => {
      this.#addresses.removePublicAddressMapping(...mapping)
    })
    this.#each(mapped, (...mapping) => {
      this.#addresses.addPublicAddressMapping(...mapping)
    })
    const [first] = mapped.mappings
    if (mapped.address === null || first === undefined) return
    // Believed as the router said it, until AutoNAT hears otherwise: a relay that nobody can name yet meets nobody to ask.
    this.#addresses.confirmObservedAddr(
      multiaddr(`/ip4/${mapped.address}/${first.protocol}/${first.externalPort}`),
      { type: 'ip-mapping' },
    )
  }

  #each(
    { address, localAddress, mappings }: Mapped,
    call: (...mapping: Parameters<AddressManager['addPublicAddressMapping']>) => void,
  ): void {
    if (address === null) return
    for (const { protocol, port, externalPort } of mappings) {
      call(localAddress, port, address, externalPort, protocol)
    }
  }
}

function sameAs(a: Mapped, b: Mapped): boolean {
  const text = ({ address, localAddress, mappings }: Mapped): string =>
    [
      address,
      localAddress,
      ...mappings.map((each) => [each.protocol, each.port, each.externalPort]),
    ].join()
  return text(a) === text(b)
}
