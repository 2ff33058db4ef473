/**
 * Everything a person may scan, open or paste to meet somebody: a link of any Starling, its fragment, a
 * `web+starling:` address, a bare card, or the plain `peerid@multiaddr`; also a message with one of them in it.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import { MAX_ADDRESS_CHARS } from '../../protocol/schemas.ts'
import { CARD_FRAGMENT, decodeCardText, openCard, type Card } from './card.ts'
import { ForeignCodeError, MalformedCodeError } from './errors.ts'

/** Longest text that is looked at, in UTF-16 units: a link with a long host before its card, and words around it. */
export const MAX_CODE_CHARS = 2_048

/** The scheme a browser opens in an installed Starling. */
export const CODE_SCHEME = 'web+starling:'

/** A person as a code tells of them. The plain form knows neither name nor commitment. */
export type Code =
  ({ type: 'card' } & Card) | { type: 'plain'; peer: PeerIdString; relays: string[] }

/** Base64url long enough for a card and its signature. */
const BARE_CARD = /^[A-Za-z0-9_-]{100,}$/

/** A card at the beginning of what follows it in a message: a full stop, say, or what a mail program hung on. */
const LEADING_CARD = /^[A-Za-z0-9_-]*/

/** A peer id, with an address or without, as a word of a text. */
const PLAIN = /(?:^|\s)(12D3KooW\S*)/

/** What may stand between the scheme and the card. */
const AFTER_SCHEME = /^(?:\/\/)?#?(?:\/?c\/)?/

/** `scheme:…`, or a host with a path such as `t.me/somebody`. */
const SOMETHING_ELSE = /^(?:[a-z][a-z0-9+.-]*:|[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:[/?#]|$))/i

/**
 * @throws MalformedCodeError, ForeignCodeError, ExpiredCodeError, TamperedCodeError, NewerCodeError
 */
export async function parseCode(text: string, nowMs: number): Promise<Code> {
  if (text.length > MAX_CODE_CHARS) throw new MalformedCodeError('longer than a code')
  const code = text.trim()
  const card = cardText(code)
  if (card !== null) return { type: 'card', ...(await openCard(decodeCardText(card), nowMs)) }
  const plain = PLAIN.exec(code)?.[1]
  if (plain !== undefined) return parsePlain(plain)
  if (SOMETHING_ELSE.test(code)) throw new ForeignCodeError('a code of something else')
  throw new MalformedCodeError('not a code')
}

/** `peerid@multiaddr`, or the bare id without an address. */
export function plainCode(peer: PeerIdString, address: string | null): string {
  return address === null ? peer : `${peer}@${address}`
}

/** The base64url of a card, out of whatever it is wrapped in. */
function cardText(code: string): string | null {
  const link = code.indexOf(CARD_FRAGMENT)
  if (link >= 0) {
    const [word = ''] = code.slice(link + CARD_FRAGMENT.length).split(/\s/, 1)
    const rest = unescapePercent(word)
    // A handler of the scheme puts the whole address, escaped, where the card would stand.
    return rest.toLowerCase().startsWith(CODE_SCHEME) ? cardText(rest) : leadingCard(rest)
  }
  const scheme = code.toLowerCase().indexOf(CODE_SCHEME)
  if (scheme >= 0) {
    return leadingCard(code.slice(scheme + CODE_SCHEME.length).replace(AFTER_SCHEME, ''))
  }
  return BARE_CARD.test(code) ? code : null
}

function leadingCard(text: string): string {
  return LEADING_CARD.exec(text)?.[0] ?? ''
}

function unescapePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new MalformedCodeError('broken percent escape', { cause })
  }
}

function parsePlain(code: string): Code {
  const [peer, address, ...more] = code.split('@')
  if (!isPeerId(peer) || more.length > 0) throw new MalformedCodeError('not a peer id')
  if (address === undefined) return { type: 'plain', peer, relays: [] }
  if (address.length > MAX_ADDRESS_CHARS) throw new MalformedCodeError('address too long')
  try {
    const peers = multiaddr(address)
      .getComponents()
      .filter(({ name }) => name === 'p2p')
    const circuit = address.includes('/p2p-circuit')
    const target = peers.at(-1)?.value
    // Without a circuit, an id at the end is the one it leads to.
    if (!circuit && target !== undefined && target !== peer) {
      throw new MalformedCodeError('an address of somebody else')
    }
    return { type: 'plain', peer, relays: [address] }
  } catch (cause) {
    if (cause instanceof MalformedCodeError) throw cause
    throw new MalformedCodeError('not a multiaddr', { cause })
  }
}
