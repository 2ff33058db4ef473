/** The composition root: builds every part of a relay, in start order, and stops them in reverse. */
import type { KadDHT } from '@libp2p/kad-dht'
import type { Datastore } from 'interface-datastore'
import { join, resolve } from 'node:path'
import { Registry } from 'prom-client'
import { type PeerIdString, parsePeerId } from '#lib/protocol/ids.ts'
import { MAX_KEEP_MS } from '#lib/protocol/copies.ts'
import { RELAY_STATUS } from '#lib/protocol/relay-status.ts'
import { STORE_BYTES } from '#lib/protocol/mailbox.ts'
import { MAX_PROVIDER_RELAYS } from '#lib/protocol/providers.ts'
import { type Clock, type Loggers, systemRandom } from '#lib/protocol/seams.ts'
import { hostOf } from './addresses.ts'
import { Admission } from './admission.ts'
import { Answers } from './answers.ts'
import { AskedBy } from './assist/asked.ts'
import { Assistance } from './assist/assistance.ts'
import { AssistPrekeys } from './assist/prekeys.ts'
import { assistRoutes } from './assist/routes.ts'
import type { Config } from './config.ts'
import { connectRoutes } from './connect/routes.ts'
import { connectSockets } from './connect/sockets.ts'
import { ConnectSessions } from './connect/sessions.ts'
import { RelayChannels } from './copies/channels.ts'
import { Copies } from './copies/copies.ts'
import { copyParts } from './copies/copy-parts.ts'
import { CopyRows } from './copies/copy-rows.ts'
import { DhtAsker } from './dht/asker.ts'
import { PeerRecords } from './dht/peer-records.ts'
import { QuotaDatastore } from './dht/quota-datastore.ts'
import { Directory } from './directory.ts'
import { copyGauges, gauges } from './gauges.ts'
import { type Bootstrap, hasApp, httpRoutes } from './http.ts'
import { close, httpServer, listen } from './http-server.ts'
import { httpsCertificate } from './https-certificate.ts'
import { mailboxCounters } from './mailbox/counters.ts'
import { Mailboxes } from './mailbox/mailboxes.ts'
import { openMailboxStore } from './mailbox/open-store.ts'
import { subjectOf, WebPush } from './mailbox/push.ts'
import { mailboxRoutes } from './mailbox/routes.ts'
import { Signposts } from './mailbox/signposts.ts'
import { WakeUps } from './mailbox/wake-ups.ts'
import { Nearby } from './nearby.ts'
import { addressesOf, relayNode } from './node.ts'
import { MappedPorts } from './port-mapping/mapped-ports.ts'
import { portsToMap } from './port-mapping/ports-to-map.ts'
import type { RouterPlaces } from './port-mapping/gateway.ts'
import { routerPlaces } from './port-mapping/router-places.ts'
import { ProviderRecords } from './providers/provider-records.ts'
import { Providers } from './providers/providers.ts'
import {
  COSTLY_LIMITS,
  type CostlyLimits,
  MAX_DIRECTORY_RECORDS,
  MAX_WEBRTC_HANDSHAKES_PER_MINUTE,
  SOCKETS_PER_CONNECTION,
} from './limits.ts'
import { refusals } from './refusals.ts'
import { Invitations } from './rendezvous/invitations.ts'
import { Meetings } from './rendezvous/meetings.ts'
import { rendezvousSockets } from './rendezvous/sockets.ts'
import { Tickets } from './rendezvous/tickets.ts'
import { RelayMesh } from './relay-mesh.ts'
import { RateLimit } from './rate-limit.ts'
import { isOneOf, remoteBehind } from './remote.ts'
import { relayIdentity, relaySigner } from './store/identity.ts'
import { openDataFolder } from './store/level-disk.ts'
import { BoundedPeers } from './store/bounded-peers.ts'
import { ResilientDatastore } from './store/resilient-datastore.ts'
import { iceAnswers } from './turn/ice-answers.ts'
import { turnKind, turnServer } from './turn/turn.ts'
import { UpgradeRoutes } from './upgrade-routes.ts'
import { Certificates } from './webtransport/certificates.ts'
import {
  webTransportListener,
  type WebTransportListenerComponents,
} from './webtransport/listener.ts'
import { hasQuic } from './webtransport/quic-process.ts'

export interface RelayComponents {
  clock: Clock
  loggers: Loggers
  /** Where routers are looked for. */
  places?: () => Promise<RouterPlaces>
}

/** A running relay. */
export interface Relay {
  /** Where it listens: `http://localhost:8787`. */
  address: string
  port: number
  peerId: PeerIdString
  /** Multiaddrs, each with the peer id. */
  addresses(): string[]
  /** Where it is reached through a router that maps its port: `http://192.0.2.1:8787`; null: by none. */
  mappedAddress(): string | null
  servesApp: boolean
  registry: Registry
  stop(): Promise<void>
}

/** Where `npm run build` puts the app. */
const APP_FOLDER = resolve(import.meta.dirname, '../../dist')

/** Starts a relay. @throws DataFolderError, PortTakenError, ListenError; nothing of it is left then. */
export async function createRelay(
  config: Config,
  { clock, loggers, places = routerPlaces }: RelayComponents,
  costly: CostlyLimits = COSTLY_LIMITS,
): Promise<Relay> {
  const stops: (() => PromiseLike<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    const log = loggers('relay')
    const registry = new Registry()
    const refused = refusals(registry)
    const disk = await openDataFolder(config.dataFolder)
    stops.push(() => disk.close())
    const store = new ResilientDatastore({
      disk,
      clock,
      log: loggers('store'),
      refusals: refused,
    })
    stops.push(() => store.stop())
    const privateKey = await relayIdentity(store)
    const peerId = parsePeerId(privateKey.publicKey.toString())
    const signer = relaySigner(privateKey)
    const mailboxStore = await openMailboxStore({ log: loggers('mailboxes') }, config)
    stops.push(() => mailboxStore.close())
    const counts = mailboxCounters(registry)
    const wakeUps = new WakeUps({
      store: mailboxStore,
      push: await WebPush.of(mailboxStore, {
        subject: subjectOf(config.publicUrl),
        anywhere: config.pushAnywhere,
      }),
      clock,
      refusals: refused,
      onPush: counts.onPush,
    })
    stops.push(() => wakeUps.stop())
    const mailboxes = new Mailboxes(
      {
        store: mailboxStore,
        signer,
        clock,
        log: loggers('mailboxes'),
        wakeUps,
        onPut: counts.onPut,
      },
      {
        store: await mailboxStore.constant('store', systemRandom.bytes(STORE_BYTES)),
        workBits: costly.workBits,
      },
    )
    mailboxes.start()
    let dht: KadDHT | null = null
    const signposts = new Signposts({
      dht: () => dht,
      store: mailboxStore,
      clock,
      log: loggers('mailboxes'),
    })
    stops.push(() => mailboxes.stop())

    const server = httpServer(
      { refusals: refused },
      {
        tls: config.https ? await httpsCertificate({ datastore: store, clock }) : null,
        maxSockets: config.maxConnections * SOCKETS_PER_CONNECTION,
        maxSocketsPerAddress: config.maxConnectionsPerAddress * SOCKETS_PER_CONNECTION,
        isProxy: isOneOf(config.trustProxy),
      },
    )
    const remoteOf = remoteBehind(config.trustProxy)
    const admission = new Admission({ refusals: refused, clock }, config)
    const sessions = new ConnectSessions({
      clock,
      random: systemRandom,
      refusals: refused,
      admission,
      costly,
    })
    let bootstrap: () => Bootstrap | null = () => null
    let assistance: Assistance | null = null
    const servesApp = config.app && hasApp(APP_FOLDER)
    const app = await httpRoutes(
      {
        server,
        registry,
        bootstrap: () => bootstrap(),
        remoteOf,
        mailboxes: mailboxRoutes({
          mailboxes,
          signposts,
          clock,
          log: loggers('mailboxes'),
          refusals: refused,
          remoteOf,
        }),
        connect: connectRoutes({
          sessions,
          clock,
          log: loggers('connect'),
          refusals: refused,
          remoteOf,
        }),
        assist: assistRoutes({
          assistance: () => assistance,
          clock,
          log: loggers('assist'),
          refusals: refused,
          remoteOf,
        }),
      },
      { appFolder: servesApp ? APP_FOLDER : null, metricsFrom: config.metricsFrom },
    )
    stops.push(() => app.close())
    const port = await listen(server, config)
    stops.push(() => close(server))

    const asker = new DhtAsker({ refusals: refused, clock })
    const records = new PeerRecords({ clock }, { max: MAX_DIRECTORY_RECORDS })
    let mesh: RelayMesh | null = null
    const isChosen = (peer: string): boolean => mesh?.trusts(peer) === true
    const peers = new BoundedPeers({
      datastore: store,
      refusals: refused,
      isKept: (peer) => peer === peerId || isChosen(peer),
    })
    await peers.start()
    const quota = new QuotaDatastore({
      datastore: peers,
      self: peerId,
      clock,
      refusals: refused,
      asker: () => asker.current(),
      isRelay: isChosen,
    })
    const webTransport = await webTransportOf(
      { clock, refusals: refused, admission, costly, log: loggers('webtransport') },
      { datastore: store, port: config.webTransport },
      stops,
    )
    const upgrades = new UpgradeRoutes({ server, refusals: refused, remoteOf })
    const stopSockets = connectSockets({ clock, refusals: refused, upgrades, sessions })
    stops.push(stopSockets)
    const tickets = new Tickets({ clock, random: systemRandom })
    const meetings = new Meetings({ clock, refusals: refused, costly, tickets })
    meetings.start()
    stops.push(() => {
      meetings.stop()
      return Promise.resolve()
    })
    const stopRendezvous = rendezvousSockets({
      self: peerId,
      clock,
      random: systemRandom,
      refusals: refused,
      admission,
      upgrades,
      tickets,
      meetings,
      costly,
    })
    stops.push(stopRendezvous)
    // `quota` starts and stops with the node, as each of libp2p's components that can.
    const node = await relayNode(
      {
        clock,
        refusals: refused,
        admission,
        sessions,
        webTransport,
        server,
        upgrades,
        datastore: quota,
        privateKey,
        registry,
        records,
        asker,
        costly,
        handshakes: new RateLimit(
          { clock },
          { max: MAX_WEBRTC_HANDSHAKES_PER_MINUTE, windowMs: 60_000 },
        ),
        onLan: (relay) => mesh?.foundOnLan(relay),
      },
      { ...config, port, secure: config.https },
    )
    stops.push(async () => {
      await node.stop()
    })
    dht = node.services.dht
    stops.push(() => {
      dht = null
      return signposts.stop()
    })
    const relays = new RelayMesh(
      { node, self: peerId, signer, clock, log: loggers('mesh') },
      { relays: config.relays },
    )
    mesh = relays
    const providerRecords = new ProviderRecords({ clock, random: systemRandom })
    gauges({
      registry,
      node,
      sessions,
      meetings,
      providers: providerRecords,
      mesh: relays,
      quota,
      peers,
      store,
      mailboxes: mailboxStore,
    })
    const directory = new Directory({
      libp2p: node,
      dht: node.services.dht,
      records,
      clock,
      refusals: refused,
      log: loggers('directory'),
      relayList: () => relays.list(),
    })
    await directory.start()
    stops.push(() => directory.stop())
    const nearby = new Nearby({ libp2p: node, clock, refusals: refused })
    await nearby.start()
    stops.push(() => nearby.stop())
    const providers = new Providers({
      libp2p: node,
      dht: node.services.dht,
      records: providerRecords,
      clock,
      refusals: refused,
      log: loggers('providers'),
    })
    await providers.start()
    stops.push(() => providers.stop())
    let copyRoom: Copies | null = null
    if (config.maxCopiesMib > 0) {
      const parts = {
        libp2p: node,
        self: peerId,
        clock,
        random: systemRandom,
        refusals: refused,
        log: loggers('copies'),
      }
      const channels = new RelayChannels(parts)
      await channels.start()
      stops.push(() => channels.stop())
      const copies = new Copies(
        {
          ...parts,
          channels,
          parts: await copyParts(join(config.dataFolder, 'copies'), store),
          rows: new CopyRows({ datastore: store }),
          providers,
          signer,
        },
        {
          maxBytes: config.maxCopiesMib * 1024 * 1024,
          maxKeepMs: MAX_KEEP_MS,
          hosts: () => hostsOf(addressesOf(node, config.publicUrl)),
        },
      )
      await copies.start()
      stops.push(() => copies.stop())
      copyGauges(registry, copies)
      copyRoom = copies
    }
    const status = new Answers(
      { libp2p: node, clock, refusals: refused },
      {
        question: RELAY_STATUS,
        malformed: 'status-malformed',
        answer: () => {
          const { size } = node.services.relay.reservations
          const { maxReservations } = config
          return Promise.resolve({
            upMs: Math.round(performance.now()),
            // With no places at all, too.
            loadPercent: size >= maxReservations ? 100 : Math.round((100 * size) / maxReservations),
            copies: copyRoom?.room ?? null,
          })
        },
      },
    )
    await status.start()
    stops.push(() => status.stop())
    const kind = turnKind(loggers('turn'), config)
    let ports: MappedPorts | null = null
    if (config.mapPorts) {
      const parts = { clock, random: systemRandom, log: loggers('ports'), places }
      ports = new MappedPorts(parts, {
        ports: portsToMap(parts.log, config, {
          port,
          hasWebTransport: webTransport !== null,
          turn: kind,
        }),
        host: config.host === 'localhost' ? '127.0.0.1' : config.host,
        onChange: (mapped) => {
          node.services.ports.announce(mapped)
        },
      })
      stops.push(() => ports!.stop())
      await ports.start()
    }
    const turn = await turnServer(
      {
        clock,
        random: systemRandom,
        log: loggers('turn'),
        ownCertificate: () => httpsCertificate({ datastore: store, clock }),
      },
      {
        ...config,
        kind,
        turnExternalIp: config.turnExternalIp ?? ports?.mapped.address ?? null,
      },
    )
    if (turn !== null) {
      const ice = iceAnswers({
        libp2p: node,
        clock,
        refusals: refused,
        credentials: turn.credentials,
        places: () => turn.places(),
      })
      await ice.start()
      stops.push(() => ice.stop())
      turn.start()
      stops.push(() => turn.stop())
    }
    const invitations = new Invitations({ node, clock, log: loggers('rendezvous') })
    stops.push(() => {
      invitations.stop()
      return Promise.resolve()
    })
    const prekeys = new AssistPrekeys({ self: peerId, signer, clock, random: systemRandom })
    assistance = new Assistance({
      self: peerId,
      signer,
      clock,
      node,
      asked: new AskedBy({ self: peerId, clock, prekeys }),
      prekeys,
      tickets,
      invitations,
      records,
      addresses: () => addressesOf(node, config.publicUrl),
      known: () => relays.working(),
      ice: (peer) => {
        if (turn === null) return null
        const servers = turn.places()
        return servers.length === 0 ? null : { servers, ...turn.credentials.for(peer) }
      },
      refused: () => refused.counted(),
    })
    relays.start()
    stops.push(() => relays.stop())
    bootstrap = () => ({
      peerId,
      addresses: addressesOf(node, config.publicUrl),
      operator: config.operator,
    })
    log.info(`relay ${peerId} listens on port ${port}`)
    const scheme = config.https ? 'https' : 'http'
    return {
      address: `${scheme}://localhost:${port}`,
      port,
      peerId,
      addresses: () => addressesOf(node, config.publicUrl),
      mappedAddress: () => {
        const { address = null, mappings = [] } = ports?.mapped ?? {}
        const http = mappings.find(({ protocol, port: of }) => protocol === 'tcp' && of === port)
        if (address === null || http === undefined) return null
        return `${scheme}://${address}:${http.externalPort}`
      },
      servesApp,
      registry,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What listens for WebTransport; null where nothing is to, or can. */
async function webTransportOf(
  components: Omit<WebTransportListenerComponents, 'certificates'>,
  { datastore, port }: { datastore: Datastore; port: number | null },
  stops: (() => PromiseLike<unknown>)[],
): Promise<ReturnType<typeof webTransportListener> | null> {
  if (port === null) return null
  if (!hasQuic()) {
    const machine = `${process.platform}-${process.arch}`
    components.log.warn(`no WebTransport: @matrixai/quic has no binary for ${machine}`)
    return null
  }
  const certificates = new Certificates({ datastore, clock: components.clock })
  await certificates.start()
  stops.push(() => {
    certificates.stop()
    return Promise.resolve()
  })
  return webTransportListener({ ...components, certificates })
}

/** Where browsers find this relay: each host once, those that others can use everywhere first. */
function hostsOf(addresses: readonly string[]): string[] {
  const sockets = addresses.filter((address) => address.includes('/ws'))
  return [...new Set(sockets.map(hostOf))].slice(0, MAX_PROVIDER_RELAYS)
}
