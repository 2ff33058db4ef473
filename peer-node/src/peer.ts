import { join } from 'node:path'
import { mkdir, statfs } from 'node:fs/promises'
import { TypedEventEmitter } from 'main-event'
import type { PartCipher } from '#lib/content/store/part-cipher.ts'
import type { RowCipher } from '#lib/db/row-cipher.ts'
import { DATABASE_NAME, StarlingDatabase } from '#lib/db/schema.ts'
import type { ContactsApi } from '#lib/features/contacts/api.ts'
import type { NetworkApi } from '#lib/features/network/api.ts'
import type { Profile, ProfileApi } from '#lib/features/profile/api.ts'
import type { VaultApi } from '#lib/features/vault/api.ts'
import { WrongPassphraseError } from '#lib/features/vault/errors.ts'
import type { WebRtcBridge, WebRtcBridgeEvents } from '#lib/p2p/api.ts'
import { AlreadyKnownError } from '#lib/p2p/errors.ts'
import type { LogRing } from '#lib/p2p/log-ring.ts'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { composeStarling, type Starling } from '#workers/starling.ts'
import { tellCard } from './card.ts'
import { Commands } from './commands.ts'
import { PASSPHRASE_VARIABLE, type Config } from './config.ts'
import { Conversations } from './conversations.ts'
import { ConfigError } from './errors.ts'
import { first } from './first.ts'
import { linesOf } from './lines.ts'
import { People } from './people.ts'
import { MAX_LINE_BYTES, type Event } from './protocol.ts'
import { loadDatabase } from './store/durable-database.ts'
import { relayForOthers, type RelayForOthers } from './relay-for-others.ts'
import { FilePartStore } from './store/file-parts.ts'
import { FileKeyrings, passphraseOf } from './store/keyrings.ts'
import { RowFile } from './store/row-file.ts'
import { Transfers } from './transfers.ts'

/** The file in the data folder. */
const FILE_NAME = 'peer.sqlite'

/** Beside it: the parts of what is shared and got. */
const PARTS_FOLDER = 'parts'

/** Node has WebRTC of its own (node-datachannel), which needs no tab. */
class NodeWebRtc extends TypedEventEmitter<WebRtcBridgeEvents> implements WebRtcBridge {
  readonly available = true
}

export interface PeerComponents {
  clock: Clock
  random: Random
  logs: LogRing
  /** Commands, a line each. */
  input: AsyncIterable<Uint8Array>
  tell: (event: Event) => void
}

export interface PeerInit {
  /** A command asks for the end. */
  onQuit: () => void
  /** It cannot go on: the process has to end at once. */
  onFailure: (error: unknown) => never
}

/**
 * Runs the node that a browser runs, with everything kept in a folder. Resolves once it runs, with or without a relay;
 * the returned function stops it.
 * @throws ConfigError, FolderInUseError
 */
export async function startPeer(
  config: Config,
  components: PeerComponents,
  init: PeerInit,
): Promise<() => Promise<void>> {
  await mkdir(config.dataFolder, { recursive: true })
  const file = RowFile.open(join(config.dataFolder, FILE_NAME))
  const passphrase = passphraseOf(file, config.passphrase, components.random)
  const keyrings = new FileKeyrings(file, passphrase, components.random)
  const starling = await compose(file, keyrings, config, components, init)
  const life = new AbortController()
  let relay: RelayForOthers | null = null
  const stop = async (): Promise<void> => {
    life.abort()
    await starling.stop()
    await relay?.stop()
    file.close()
  }
  try {
    await unlock(await starling.api.vault, passphrase)
    if (config.relayForOthers !== null) {
      const { clock, logs, tell } = components
      relay = await relayForOthers(config.relayForOthers, { clock, loggers: logs.loggers })
      tell({ type: 'relay', address: relay.address })
    }
    // The friends it relays for reach it by itself.
    const relays = [...(relay === null ? [] : [relay.address]), ...config.relays]
    await run(starling, { ...config, relays }, components, init, life.signal)
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}

async function compose(
  file: RowFile,
  keyrings: FileKeyrings,
  { dataFolder }: Config,
  { clock, random, logs }: PeerComponents,
  { onQuit, onFailure }: PeerInit,
): Promise<Starling> {
  const keep = await loadDatabase(file, { name: DATABASE_NAME, onFailure })
  const database = (cipher: RowCipher): StarlingDatabase => {
    const db = new StarlingDatabase(cipher)
    keep(db)
    return db
  }
  const estimate = async (): Promise<StorageEstimate> => {
    const { bavail, bsize } = await statfs(dataFolder)
    return { quota: bavail * bsize }
  }
  const parts = (cipher: RowCipher, sealing: PartCipher): FilePartStore =>
    new FilePartStore(join(dataFolder, PARTS_FOLDER), cipher, sealing)
  const storage = { estimate }
  return composeStarling(
    {
      ...{ clock, random, logs, bridge: new NodeWebRtc(), keyrings, database, parts, storage },
      pages: null,
      isUnmetered: () => true,
    },
    { origin: null, begin: Promise.resolve(), onLocked: onQuit, onErased: onQuit },
  )
}

async function run(
  { api, started }: Starling,
  config: Config,
  { clock, input, tell }: PeerComponents,
  { onQuit, onFailure }: PeerInit,
  signal: AbortSignal,
): Promise<void> {
  const profile = await api.profile
  const { peer: me } = await becomeSomebody(profile, config.name)
  await started
  const [chat, contacts, network, transfers] = await Promise.all([
    api.chat,
    api.contacts,
    api.network,
    api.transfers,
  ])
  for (const address of config.relays) await addRelay(network, address)
  for (const code of config.add) await addOnce(contacts, code)

  const people = new People({ contacts, tell }, config)
  const conversations = new Conversations({ chat, tell }, { me, echo: config.echo })
  const told = new Transfers({ transfers, network, tell }, signal)
  const failed = (error: unknown): void => {
    if (!signal.aborted) onFailure(error)
  }
  const commands = new Commands({
    chat,
    contacts,
    transfers,
    conversations,
    told,
    tell,
    quit: onQuit,
    onFailure: failed,
  })
  for (const life of [
    tellCard({ contacts, network, profile, clock, tell }, signal),
    people.run(signal),
    conversations.run(signal),
    told.run(),
    commands.run(flagsThen(linesOf(input, MAX_LINE_BYTES), config)),
  ]) {
    life.catch(failed)
  }
}

/** What flags ask for is asked for as by a program, before it says anything. */
async function* flagsThen(
  lines: AsyncIterable<string | null>,
  { share, get, into }: Config,
): AsyncIterable<string | null> {
  if (share.length > 0) yield JSON.stringify({ type: 'share', paths: share, ref: '--share' })
  for (const link of get) yield JSON.stringify({ type: 'get', link, into, ref: '--get' })
  yield* lines
}

async function unlock(vault: VaultApi, passphrase: string): Promise<void> {
  try {
    await vault.unlock(passphrase)
  } catch (cause) {
    if (!(cause instanceof WrongPassphraseError)) throw cause
    throw new ConfigError(`${PASSPHRASE_VARIABLE} is not the passphrase of this folder`, { cause })
  }
}

/** @throws ConfigError when nobody is here yet and there is no name */
async function becomeSomebody(profile: ProfileApi, name: string | null): Promise<Profile> {
  const known = await first(profile.watchProfile())
  if (known !== null) {
    if (name !== null && name !== known.name) await profile.rename(name)
    return known
  }
  if (name === null) throw new ConfigError('--name is needed on the first start')
  return profile.create(name)
}

async function addRelay(network: NetworkApi, address: string): Promise<void> {
  try {
    await network.addRelay(address)
  } catch (error) {
    // Since an earlier start.
    if (!(error instanceof AlreadyKnownError)) throw error
  }
}

/** Somebody who is a contact already is not asked anew at every start. */
async function addOnce(contacts: ContactsApi, code: string): Promise<void> {
  const { relation } = await contacts.preview(code)
  if (relation === 'new' || relation === 'requested-me') await contacts.add(code)
}
