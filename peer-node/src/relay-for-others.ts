/** A relay in the peer's own process: whoever can be reached from outside relays for friends who cannot. */
import { join } from 'node:path'
import { readConfig, type Config } from '../../relay-node/src/config.ts'
import { lanAddresses } from '../../relay-node/src/greeting.ts'
import { createRelay, type Relay, type RelayComponents } from '../../relay-node/src/relay.ts'

export type RelayConfig = Config

/** In the peer's data folder: the relay has an identity of its own. */
const FOLDER = 'relay'

/** The host on which a relay listens at every address of its machine. */
const ANYWHERE = '0.0.0.0'

export interface RelayForOthers {
  /** Where friends find it, as the address of a relay is typed in. */
  address: string
  stop: () => Promise<void>
}

/** What variables of the environment say of it, the same as of any relay. @throws ConfigError of the relay */
export function relayConfigOf(
  dataFolder: string,
  env: NodeJS.ProcessEnv,
  mapPorts: boolean,
): RelayConfig {
  const flags = ['--data', join(dataFolder, FOLDER), ...(mapPorts ? ['--map-ports'] : [])]
  // Without a flag for it nobody asks for help.
  return readConfig(flags, env) as RelayConfig
}

/** Resolves once it listens. @throws DataFolderError, PortTakenError, ListenError */
export async function relayForOthers(
  config: RelayConfig,
  components: RelayComponents,
): Promise<RelayForOthers> {
  const relay = await createRelay(config, components)
  return { address: addressOf(relay, config), stop: () => relay.stop() }
}

function addressOf(relay: Relay, { publicUrl, host, https }: RelayConfig): string {
  if (publicUrl !== null) return publicUrl
  const mapped = relay.mappedAddress()
  if (mapped !== null) return mapped
  const [lan] = host === ANYWHERE ? lanAddresses() : []
  return lan === undefined ? relay.address : `${https ? 'https' : 'http'}://${lan}:${relay.port}`
}
