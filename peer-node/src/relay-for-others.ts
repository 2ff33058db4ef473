/** A relay in the peer's own process: whoever can be reached from outside relays for friends who cannot. */
import { join } from 'node:path'
import type { Clock, Loggers } from '#lib/protocol/seams.ts'
import { readConfig, type Config } from '../../relay-node/src/config.ts'
import { lanAddresses } from '../../relay-node/src/greeting.ts'
import { createRelay, type Relay } from '../../relay-node/src/relay.ts'

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
export function relayConfigOf(dataFolder: string, env: NodeJS.ProcessEnv): RelayConfig {
  // Without a flag for it nobody asks for help.
  return readConfig(['--data', join(dataFolder, FOLDER)], env) as RelayConfig
}

/** Resolves once it listens. @throws DataFolderError, PortTakenError, ListenError */
export async function relayForOthers(
  config: RelayConfig,
  components: { clock: Clock; loggers: Loggers },
): Promise<RelayForOthers> {
  const relay = await createRelay(config, components)
  return { address: addressOf(relay, config), stop: () => relay.stop() }
}

function addressOf({ address, port }: Relay, { publicUrl, host, https }: RelayConfig): string {
  if (publicUrl !== null) return publicUrl
  const [lan] = host === ANYWHERE ? lanAddresses() : []
  return lan === undefined ? address : `${https ? 'https' : 'http'}://${lan}:${port}`
}
