import { type NetworkComponents, NetworkService } from './service.ts'

export type { NetworkComponents } from './service.ts'

/** How this node is connected, for the person. It has no life of its own to start or stop. */
export function network(): (components: NetworkComponents) => NetworkService {
  return (components) => new NetworkService(components)
}
