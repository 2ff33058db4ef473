import { stretch } from '../../crypto/stretch.ts'
import { VaultService, type VaultComponents } from './service.ts'

export type VaultSliceComponents = Omit<VaultComponents, 'stretch'>

/**
 * The vault: before everything else, since what it opens is what the others keep things in. What `host` does must
 * leave the port that a method was called on open, so that the tab gets its answer.
 */
export function vault(): (components: VaultSliceComponents) => VaultService {
  return (components) => new VaultService({ ...components, stretch })
}
