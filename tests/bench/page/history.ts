/** What a person waits for in a long history: unlocking it, the end of a conversation, a search. */
import { AesRowCipher } from '../../../src/lib/crypto/aes-row-cipher.ts'
import {
  createDatabaseKey,
  openWithPassphrase,
  sealWithPassphrase,
} from '../../../src/lib/crypto/database-key.ts'
import { stretch, type Stretch } from '../../../src/lib/crypto/stretch.ts'
import { StarlingDatabase, type MessageRow } from '../../../src/lib/db/schema.ts'
import { SearchIndex } from '../../../src/lib/features/chat/search-index.ts'
import { DexieChatStore } from '../../../src/lib/features/chat/store.ts'
import { LogRing } from '../../../src/lib/p2p/log-ring.ts'
import { messageIdOf, type PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { systemClock, systemRandom } from '../../../src/lib/protocol/seams.ts'
import { timeEach } from './time-each.ts'

const PEOPLE = 20
const PAGE = 50
const BATCH = 2_000

const cipher = new AesRowCipher(createDatabaseKey(systemRandom), systemRandom)
const db = new StarlingDatabase(cipher, 'bench-history')
const store = new DexieChatStore(db, 'me' as PeerIdString, () => true)
const newIndex = (): SearchIndex =>
  new SearchIndex({ db, clock: systemClock, logger: new LogRing(systemClock).loggers('bench') })
const index = newIndex()
const WORDS = 'the heron nests behind old brickworks where nobody looks for it in spring'.split(' ')

function message(at: number): MessageRow {
  const words = Array.from({ length: 12 }, (_, word) => WORDS[(at * 7 + word * at) % WORDS.length])
  return {
    id: messageIdOf(systemRandom.bytes(32)),
    conversation: `person ${at % PEOPLE}` as PeerIdString,
    chain: 'chain' as MessageRow['chain'],
    sequence: at,
    clock: at,
    mine: at % 2 === 0,
    text: `${words.join(' ')} ${at}`,
    sentAtMs: at,
    receivedAtMs: at,
  }
}

export const history = {
  /** Stores so many, and has them in memory for searches: that took so many ms. */
  async fill(messages: number): Promise<number> {
    for (let at = 0; at < messages; at += BATCH) {
      const count = Math.min(BATCH, messages - at)
      await db.messages.bulkAdd(Array.from({ length: count }, (_, each) => message(at + each)))
    }
    const startMs = performance.now()
    index.start()
    await index.built()
    return performance.now() - startMs
  },

  /** Milliseconds until the end of a conversation is there, another one each time. */
  page(rounds: number): Promise<number[]> {
    let at = 0
    return timeEach(rounds, async () => {
      const person = `person ${(at += 1) % PEOPLE}` as PeerIdString
      const window = { around: 'end', before: PAGE, after: 0 } as const
      for await (const { items } of store.watchTimeline(person, window)) {
        if (items.length === 0) throw new Error('nothing there')
        return
      }
    })
  },

  /** Milliseconds that the first search takes when it comes at once after the start. */
  async searchAtOnce(rounds: number): Promise<number[]> {
    const times: number[] = []
    for (let round = 1; round <= rounds; round += 1) {
      const fresh = newIndex()
      fresh.start()
      const startMs = performance.now()
      await fresh.search(`spring ${37 * round}`, PAGE)
      times.push(performance.now() - startMs)
      await fresh.built()
      fresh.stop()
    }
    return times
  },

  search(rounds: number): Promise<number[]> {
    let at = 0
    return timeEach(rounds, async () => {
      await index.search(`spring ${(at += 37)}`, PAGE)
    })
  },
}

/** Milliseconds from the passphrase to the key, and how many of them are Argon2id. */
export async function unlock(rounds: number): Promise<{ allMs: number; stretchMs: number }[]> {
  const key = createDatabaseKey(systemRandom)
  const seal = await sealWithPassphrase(key, 'seven birds on a wire', stretch, systemRandom)
  const times: { allMs: number; stretchMs: number }[] = []
  for (let round = 0; round < rounds; round += 1) {
    let stretchMs = 0
    const timed: Stretch = async (...given) => {
      const startMs = performance.now()
      const key = await stretch(...given)
      stretchMs = performance.now() - startMs
      return key
    }
    const startMs = performance.now()
    await openWithPassphrase(seal, 'seven birds on a wire', timed)
    const allMs = performance.now() - startMs
    times.push({ allMs, stretchMs })
  }
  return times
}
