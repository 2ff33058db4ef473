import type { MessagingIdentity } from '../../crypto/api.ts'
import type { StarlingDatabase } from '../../db/schema.ts'
import { Delivery } from '../../delivery/delivery.ts'
import { DexiePrekeyStore } from '../../delivery/prekey-store.ts'
import { RatchetSealer } from '../../delivery/ratchet-sealer.ts'
import { noMailbox } from '../../delivery/seams.ts'
import { DexieDeliveryStore } from '../../delivery/store.ts'
import type { Channels } from '../../p2p/api.ts'
import type { Clock, Loggers, Random } from '../../protocol/seams.ts'
import { CHAT_PROTOCOL, payloadCodec } from './protocol.ts'
import { ChatService, type ContactsOfChat } from './service.ts'
import { DexieChatStore } from './store.ts'

export interface ChatSliceComponents {
  db: StarlingDatabase
  identity: MessagingIdentity
  channels: Channels
  contacts: ContactsOfChat
  clock: Clock
  random: Random
  loggers: Loggers
}

/** Chat. Needs the identity, so it is made once there is one; started after contacts. */
export function chat(): (components: ChatSliceComponents) => ChatService {
  return ({ db, identity, channels, contacts, clock, random, loggers }) => {
    const store = new DexieChatStore(db, identity.peer, clock)
    const deliveryStore = new DexieDeliveryStore(db, store)
    const sealer = new RatchetSealer({
      identity,
      sessions: deliveryStore,
      prekeys: new DexiePrekeyStore(db),
      keyCommitmentOf: (peer) => contacts.keyCommitmentOf(peer),
      clock,
      random,
    })
    const delivery: Delivery = new Delivery(
      {
        identity,
        channels,
        store: deliveryStore,
        sealer,
        mailbox: noMailbox,
        clock,
        random,
        logger: loggers('delivery'),
      },
      {
        protocol: CHAT_PROTOCOL,
        accept: (peer) => service.accepts(peer),
        check: (payload) => void payloadCodec.decode(payload),
      },
    )
    const service: ChatService = new ChatService({
      me: identity.peer,
      delivery,
      contacts,
      store,
      clock,
      logger: loggers('chat'),
    })
    return service
  }
}
