import type { Plugin } from 'vite'

const ID = '\0without-weald'

/** As much of it as `@libp2p/logger` touches when it is loaded. */
const STAND_IN = 'export default { formatters: {} }'

/**
 * Leaves `weald` out of the node's worker: libp2p's own logger writes with it, and is never made, because the node brings
 * another (`p2p/libp2p-logger.ts`).
 */
export function withoutWeald(): Plugin {
  return {
    name: 'starling:without-weald',
    enforce: 'pre',
    resolveId: (id) => (id === 'weald' ? ID : null),
    load: (id) => (id === ID ? STAND_IN : null),
  }
}
