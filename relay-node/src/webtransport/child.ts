/**
 * The process that speaks QUIC and HTTP/3 to browsers, and words (words.ts) to the relay that has started it. It knows
 * nobody's keys but those of the certificates, and ends with the relay.
 */
import { Socket } from 'node:net'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { QUIC_PULSE_MS } from '../limits.ts'
import { QuicServer } from './quic-server.ts'
import { encodeWord, REFUSED, type Word, WordReader } from './words.ts'

/** The descriptor of the channel to the relay: `SupervisedProcess`. */
const CHANNEL = 3

/** How long the last packets may take to go out. */
const LAST_PACKETS_MS = 50

const channel = new Socket({ fd: CHANNEL, readable: true, writable: true })
const refused = new Map(REFUSED.map((reason) => [reason, 0]))
const say = (word: Word): void => {
  channel.write(encodeWord(word))
}
const server = new QuicServer({
  clock: systemClock,
  random: systemRandom,
  say,
  mayRead: () => !channel.writableNeedDrain,
  onRefused: (reason) => refused.set(reason, refused.get(reason)! + 1),
})

const words = new WordReader()
channel.on('data', (chunk) => {
  for (const word of words.push(chunk)) void server.take(word)
})
channel.on('drain', () => {
  server.resume()
})
channel.on('error', () => process.exit())
channel.on('close', () => process.exit())

setInterval(() => {
  const { user, system } = process.cpuUsage()
  say({
    type: 'pulse',
    cpuMs: Math.round((user + system) / 1_000),
    memoryMib: Math.round(process.memoryUsage.rss() / 2 ** 20),
    refused: [...refused.values()],
  })
  for (const reason of REFUSED) refused.set(reason, 0)
}, QUIC_PULSE_MS)
process.once('SIGTERM', () => {
  server.stop()
  setTimeout(() => process.exit(), LAST_PACKETS_MS)
})
