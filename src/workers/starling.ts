import type { NodeApi } from '../lib/client/contract.ts'
import { partCipher, type PartCipher } from '../lib/content/store/part-cipher.ts'
import type { PartStore } from '../lib/content/store/part-store.ts'
import { AesRowCipher } from '../lib/crypto/aes-row-cipher.ts'
import type { NodeIdentity } from '../lib/crypto/api.ts'
import { stretch } from '../lib/crypto/stretch.ts'
import { moveEarlier } from '../lib/db/earlier.ts'
import { eraseDatabases } from '../lib/db/erase.ts'
import type { RowCipher } from '../lib/db/row-cipher.ts'
import type { StarlingDatabase } from '../lib/db/schema.ts'
import { HttpMailboxTransport } from '../lib/delivery/mailbox/transport.ts'
import { backup } from '../lib/features/backup/index.ts'
import { chat } from '../lib/features/chat/index.ts'
import type { ChatService } from '../lib/features/chat/service.ts'
import { contacts, invitations } from '../lib/features/contacts/index.ts'
import { network } from '../lib/features/network/index.ts'
import { notifications, wakeUps } from '../lib/features/notifications/index.ts'
import { profile } from '../lib/features/profile/index.ts'
import { settings } from '../lib/features/settings/index.ts'
import { transfers } from '../lib/features/transfers/index.ts'
import { vault } from '../lib/features/vault/index.ts'
import type { KeyringStore } from '../lib/features/vault/store.ts'
import type { PagesInSight, WebRtcBridge } from '../lib/p2p/api.ts'
import { DexiePeerRecordStore } from '../lib/p2p/discovery/record-store.ts'
import type { LogRing } from '../lib/p2p/log-ring.ts'
import { DexieRelayStore } from '../lib/p2p/relay-book/store.ts'
import { DexieNetworkStore } from '../lib/p2p/ways/store.ts'
import type { Clock, Random, Startable } from '../lib/protocol/seams.ts'
import type { Promised } from '../lib/rpc/server.ts'
import { AddressPrivacy } from './address-privacy.ts'

export interface StarlingComponents {
  clock: Clock
  random: Random
  logs: LogRing
  /** What it stands for is in place before this is called: @libp2p/webrtc looks for WebRTC at its import. */
  bridge: WebRtcBridge
  /** Null: there are none. */
  pages: PagesInSight | null
  /** What keeps the key of the database. */
  keyrings: KeyringStore
  /** What keeps everything else, not opened yet. */
  database: (cipher: RowCipher) => StarlingDatabase
  /** What keeps the parts of contents. */
  parts: (cipher: RowCipher, parts: PartCipher) => ClosingPartStore
  /** Whether bytes cost nothing now, as far as the browser tells. */
  isUnmetered: () => boolean
  /** `navigator.storage` of the worker. */
  storage: Pick<StorageManager, 'estimate'>
}

export interface ClosingPartStore extends PartStore {
  close(): void
}

export interface StarlingInit {
  /** Of the page, whose server is the first relay; null where there is none. */
  origin: string | null
  /** When this host may open the database. */
  begin: Promise<void>
  /** The person locked it, or was away for too long. */
  onLocked: () => void
  /** Everything was deleted. */
  onErased: () => void
}

/** All components of a host. */
export interface Starling {
  readonly api: Promised<NodeApi>
  /** Rejected when what is kept here cannot be opened: then nothing works. */
  readonly built: Promise<unknown>
  /** Rejected when the node could not start: then what is kept here can still be read. */
  readonly started: Promise<void>
  /** Stops what was started, in the opposite order. */
  stop(): Promise<void>
}

/**
 * Builds every component, each from those above it. The vault can be asked at once, what needs no identity as soon as
 * that is open; the rest comes once there is one, on a first visit when the person gave their name. Everything
 * kept can be asked before the node starts: what is here shows before there is any network.
 */
export function composeStarling(components: StarlingComponents, init: StarlingInit): Starling {
  const { clock, random, logs, bridge, pages, keyrings, storage, isUnmetered } = components
  const { loggers } = logs
  const created = Promise.withResolvers<NodeIdentity>()
  const running: Startable[] = []
  let database: { db: StarlingDatabase; cipher: AesRowCipher; parts: ClosingPartStore } | null =
    null

  const lock = vault()({
    store: keyrings,
    clock,
    random,
    host: {
      stop,
      async eraseDatabases() {
        close()
        await eraseDatabases()
      },
      lock: () => {
        inItsOwnTurn(init.onLocked)
      },
      erased: () => {
        inItsOwnTurn(init.onErased)
      },
    },
  })

  const local = init.begin.then(async () => {
    await lock.start()
    const databaseKey = await lock.opened
    const cipher = new AesRowCipher(databaseKey, random)
    const db = components.database(cipher)
    const parts = components.parts(cipher, await partCipher(databaseKey, random))
    database = { db, cipher, parts }
    await moveEarlier(db)
    const own = profile({
      onCreated: (identity) => {
        created.resolve(identity)
      },
    })({ db, clock, random })
    const safe = backup()({ db, profile: own, clock, random })
    await safe.start()
    const choices = settings()({ db, loggers, storage })
    return { db, parts, profile: own, backup: safe, settings: choices }
  })

  // Loaded while the database opens, or a newcomer thinks of a name.
  const transports = import('../lib/p2p/index.ts')

  const social = Promise.all([local, transports]).then(async ([kept, { p2p }]) => {
    const { db, parts, profile, settings } = kept
    const identity = (await profile.identity()) ?? (await created.promise)
    const node = p2p({ origin: init.origin })({
      identity,
      clock,
      random,
      loggers,
      bridge,
      pages,
      relays: new DexieRelayStore(db),
      networks: new DexieNetworkStore(db),
      records: new DexiePeerRecordStore(db),
    })
    const { peers, channels } = node
    const people = contacts()({
      identity,
      channels,
      peers,
      network: node.network,
      profile,
      history: {
        deleteHistory: (peer) => conversations.deleteHistory(peer),
        forgetKeys: (peer) => conversations.forgetKeys(peer),
      },
      mail: {
        sayHello: (peer) => conversations.sayHello(peer),
        helloHeard: (peer) => conversations.helloHeard(peer),
      },
      db,
      clock,
      loggers,
    })
    const files = transfers()({
      db,
      parts,
      identity,
      channels,
      peers,
      network: node.network,
      names: (peer) => people.nameOf(peer),
      myName: () => profile.name(),
      settings,
      stretch,
      clock,
      random,
      loggers,
    })
    const conversations: ChatService = chat({ onReplaced })({
      db,
      identity,
      channels,
      contacts: people,
      network: node.network,
      mailboxes: new HttpMailboxTransport({ fetch: (...request) => fetch(...request), clock }),
      settings,
      enclosures: files.enclosures,
      isUnmetered,
      clock,
      random,
      loggers,
    })
    const view = network()({
      network: node.network,
      log: logs,
      names: (peer) => people.nameOf(peer),
      mailboxes: conversations.mailboxes,
      clock,
    })
    const notices = notifications()({ chat: conversations, contacts: people, settings, loggers })
    return {
      db,
      node,
      privacy: new AddressPrivacy({ settings, node, log: loggers('settings') }),
      contacts: people,
      chat: conversations,
      transfers: files,
      network: view,
      notifications: notices,
      wakeUps: wakeUps()({ mailboxes: conversations.mailboxes, clock }),
    }
  })

  const started = social.then(async ({ db, ...parts }) => {
    const device = await db.device.get('me')
    if (device?.replacedAtMs != null) return
    // The node comes last: by its first connection, whoever is blocked is, and every protocol is served.
    const { contacts, chat, transfers, notifications, privacy, node } = parts
    for (const part of [contacts, chat, transfers, notifications, privacy, node]) {
      running.push(part)
      await part.start()
    }
  })

  async function stop(): Promise<void> {
    for (const each of running.splice(0).reverse()) await each.stop()
  }

  function close(): void {
    database?.db.close()
    database?.parts.close()
    database?.cipher.destroy()
    lock.stop()
  }

  /** The answer to the one who asked goes first. */
  function inItsOwnTurn(call: () => void): void {
    clock.after(0, call)
  }

  /** What has learned of it is among what stops. */
  function onReplaced(): void {
    inItsOwnTurn(() => {
      loggers('host').warn('this identity has moved to another device')
      stop().catch((error: unknown) => {
        loggers('host').error('not all stops', error)
      })
    })
  }

  return {
    api: {
      vault: Promise.resolve(lock),
      profile: local.then((each) => each.profile),
      invitations: Promise.resolve(invitations()({ clock })),
      contacts: social.then((each) => each.contacts),
      chat: social.then((each) => each.chat),
      transfers: social.then((each) => each.transfers),
      network: social.then((each) => each.network),
      notifications: social.then((each) => each.notifications),
      wakeUps: social.then((each) => each.wakeUps),
      settings: local.then((each) => each.settings),
      backup: local.then((each) => each.backup),
    },
    built: social,
    started,
    async stop() {
      await stop()
      close()
    },
  }
}
