import type { MessagingIdentity } from '../../crypto/api.ts'
import type { StarlingDatabase } from '../../db/schema.ts'
import { Delivery } from '../../delivery/delivery.ts'
import { Devices, DexieDeviceStore, type DevicesInit } from '../../delivery/devices.ts'
import { DexiePrekeyStore } from '../../delivery/prekey-store.ts'
import { RatchetSealer } from '../../delivery/ratchet-sealer.ts'
import { MailboxMail } from '../../delivery/mailbox/mail.ts'
import { DexieMailboxRelayStore, DexieWakeUpsStore } from '../../delivery/mailbox/store.ts'
import type { MailboxTransport } from '../../delivery/mailbox/transport.ts'
import { DexieDeliveryStore } from '../../delivery/store.ts'
import type { Channels, Network, RelayStatus } from '../../p2p/api.ts'
import type { Clock, Loggers, Random } from '../../protocol/seams.ts'
import type { Enclosures } from '../transfers/api.ts'
import { Attachments } from './attachments.ts'
import { CHAT_PROTOCOL, payloadCodec } from './protocol.ts'
import { ChatJournal } from './journal.ts'
import { SearchIndex } from './search-index.ts'
import { ChatService, type ChoicesForChat, type ContactsOfChat } from './service.ts'
import { DexieChatStore } from './store.ts'

export interface ChatSliceComponents {
  db: StarlingDatabase
  identity: MessagingIdentity
  channels: Channels
  contacts: ContactsOfChat
  /** Its relays keep mailboxes, mine among them. */
  network: Pick<Network, 'relays' | 'addEventListener' | 'removeEventListener'>
  /** How relays are asked for mailboxes. */
  mailboxes: MailboxTransport
  settings: ChoicesForChat
  /** What carries the files of messages. */
  enclosures: Enclosures
  /** Whether bytes cost nothing now, as far as the browser tells. */
  isUnmetered: () => boolean
  clock: Clock
  random: Random
  loggers: Loggers
}

/** Chat. Needs the identity, so it is made once there is one; started after contacts. */
export function chat(init: DevicesInit): (components: ChatSliceComponents) => ChatService {
  return (components) => {
    const { db, identity, channels, contacts, network, mailboxes, settings } = components
    const { enclosures, isUnmetered, clock, random, loggers } = components
    const store = new DexieChatStore(db, identity.peer, () => service.readReceipts)
    const attachments = new Attachments({
      me: identity.peer,
      enclosures,
      store,
      relaysOf: (peer) => contacts.contactable(peer)?.relays ?? [],
      isUnmetered,
      logger: loggers('attachments'),
    })
    const journal = new ChatJournal(db, identity.peer, clock, attachments)
    const deliveryStore = new DexieDeliveryStore(db, journal, clock)
    const sealer = new RatchetSealer({
      identity,
      sessions: deliveryStore,
      prekeys: new DexiePrekeyStore(db),
      keyCommitmentOf: (peer) => contacts.keyCommitmentOf(peer),
      clock,
      random,
    })
    const devices = new Devices({ identity, store: new DexieDeviceStore(db), clock }, init)
    const delivery: Delivery = new Delivery(
      {
        identity,
        channels,
        store: deliveryStore,
        sealer,
        devices,
        mail: {
          post: (peer) => {
            mail.post(peer)
          },
          place: (peer) => mail.place(peer),
        },
        clock,
        random,
        logger: loggers('delivery'),
      },
      {
        protocol: CHAT_PROTOCOL,
        accept: (peer) => service.accepts(peer),
        has: (peer) => contacts.has(peer),
        check: (payload) => void payloadCodec.decode(payload),
        tellsRead: () => service.readReceipts,
        onTyping: (peer, on) => {
          service.theyType(peer, on)
        },
        hello: (peer) => contacts.helloFor(peer),
        hear: (peer, hello) => contacts.hearMailed(peer, hello),
      },
    )
    const mail: MailboxMail = new MailboxMail(
      {
        identity,
        sealer,
        transport: mailboxes,
        store: new DexieMailboxRelayStore(db),
        wakeUps: new DexieWakeUpsStore(db),
        marks: deliveryStore,
        devices,
        clock,
        random,
        logger: loggers('mail'),
      },
      {
        delivery,
        relays: () => relaysThatAnswer(network.relays()),
        contacts: () => contacts.peers(),
        contactable: (peer) => contacts.contactable(peer),
      },
    )
    const service: ChatService = new ChatService({
      me: identity.peer,
      delivery,
      mail,
      network,
      contacts,
      settings,
      store,
      journal,
      search: new SearchIndex({ db, clock, logger: loggers('search') }),
      attachments,
      clock,
      random,
      logger: loggers('chat'),
    })
    return service
  }
}

/** As they are named in cards; those that hold a place for me first. */
function relaysThatAnswer(relays: readonly RelayStatus[]): string[] {
  const states = ['reserved', 'connected']
  return relays
    .filter(({ state }) => states.includes(state))
    .toSorted((a, b) => states.indexOf(a.state) - states.indexOf(b.state))
    .map(({ address }) => address)
}
