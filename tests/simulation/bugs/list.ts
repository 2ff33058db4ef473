import type { Bug } from '../hooks.ts'

const DELIVERY = 'src/lib/delivery/delivery.ts'
const LEDGER = 'src/lib/delivery/ledger.ts'
const POST = 'src/lib/delivery/post.ts'
const INBOX = 'src/lib/delivery/inbox.ts'
const NOTES = 'src/lib/delivery/owed-notes.ts'
const SESSION = 'src/lib/delivery/session.ts'
const CHAIN = 'src/lib/delivery/chain.ts'
const ENVELOPE = 'src/lib/delivery/envelope.ts'
const RENEW = 'src/lib/delivery/renew.ts'
const SEALER = 'src/lib/delivery/ratchet-sealer.ts'
const DEPOSITS = 'src/lib/delivery/mailbox/deposits.ts'
const VISIT = 'src/lib/delivery/mailbox/mailbox-visit.ts'
const OWN = 'src/lib/delivery/mailbox/own-mailboxes.ts'
const MAIL = 'src/lib/delivery/mailbox/mail.ts'
const RATCHET = 'src/lib/crypto/ratchet/ratchet.ts'
const SESSIONS = 'src/lib/crypto/sessions.ts'
const RELAY = 'relay-node/src/mailbox/mailboxes.ts'

/** Mistakes somebody could make. A change of the sources that moves one of them has to move it here too. */
export const BUGS: readonly Bug[] = [
  {
    name: 'what lost its receipts is stored for ever',
    file: CHAIN,
    find: 'Math.min(mine.stored, first - 1)',
    replace: 'mine.stored',
  },
  {
    name: 'a message is told as held before it is stored',
    file: DELIVERY,
    find: 'await this.#inbox.take(chains, envelope, content.envelope, opened.step)\n      return',
    replace:
      'if (sequence === known + 1) void store.putChains({ ...chains, theirs: { ...chains.theirs!, sequence } })\n      else await this.#inbox.take(chains, envelope, content.envelope, opened.step)\n      return',
  },
  {
    name: 'the same intent is sent again as another message',
    file: DELIVERY,
    find: 'if (sent !== null) return sent',
    replace: 'if (sent === null && false) return sent!',
  },
  {
    name: 'what was said is forgotten by the clock',
    file: DELIVERY,
    find: 'clock: chains.clock + 1,',
    replace: 'clock: (chains.mine.sequence || 0) + 1,',
  },
  {
    name: 'conversations take no turns when they take in',
    file: DELIVERY,
    find: 'const { store } = this.#components\n    return this.#ledger.turns.run(peer, async () => {\n      // A channel is still read',
    replace:
      'const { store } = this.#components\n    return Promise.resolve().then(async () => {\n      // A channel is still read',
  },
  {
    name: 'sending takes no turn',
    file: DELIVERY,
    find: 'const { clock, identity, mail, store } = this.#components\n    return this.#ledger.turns.run(peer, async () => {',
    replace:
      'const { clock, identity, mail, store } = this.#components\n    return Promise.resolve().then(async () => {',
  },
  {
    name: 'what is here already is not known again',
    file: DELIVERY,
    find: "if (sequence <= known) return { type: 'held' }",
    replace: '',
  },
  {
    name: 'what came early is not shown when the gap closes',
    file: INBOX,
    find: 'if (early.sequence > (chains.theirs?.sequence ?? 0) + 1) break\n      gone.push(early)',
    replace: 'gone.push(early)\n      continue',
  },
  {
    name: 'what came early is shown at once',
    file: INBOX,
    find: 'if (sequence === (chains.theirs?.sequence ?? 0) + 1) {\n',
    replace:
      'if (sequence > (chains.theirs?.sequence ?? 0)) {\n      chains = { ...chains, theirs: { ...chains.theirs!, sequence: sequence - 1, head: envelope.previous } }\n',
  },
  {
    name: 'stored is counted at one store',
    file: POST,
    find: 'storesOf(receipts) < wanted) return stored',
    replace: 'storesOf(receipts) < 1) return stored',
  },
  {
    name: 'a receipt of one message counts for those after it',
    file: POST,
    find: 'const { receipts } = row.sequence === one.sequence ? one : row',
    replace: 'const { receipts } = one',
  },
  {
    name: 'what was read counts as received by whoever asks',
    file: LEDGER,
    find: 'const received = Math.max(mine.received, numbers.received ?? 0, read)',
    replace: 'const received = numbers.received === undefined ? read : mine.sequence',
  },
  {
    name: 'numbers of another chain are believed',
    file: SESSION,
    find: 'if (same) await this.#heardNumbers(yours.chain, yours)',
    replace: 'if (yours !== null) await this.#heardNumbers(mine.chain, yours)',
  },
  {
    name: 'read is told as received is',
    file: SESSION,
    find: "await this.#send({ type: 'read', chain: theirs.chain, read: theirs.read })",
    replace: "await this.#send({ type: 'read', chain: theirs.chain, read: theirs.sequence })",
  },
  {
    name: 'a new chain counts from one',
    file: CHAIN,
    find: 'return { ...chains, mine: freshMine(random), ended: [] }',
    replace: 'return { ...chains, clock: 0, mine: freshMine(random), ended: [] }',
  },
  {
    name: 'an ended chain is taken up again',
    file: INBOX,
    find: 'if (past.includes(chain)) return null',
    replace:
      "if (past.includes(chain)) return this.#adopt(chains, chain, await this.#waiting(chains), 'later')",
  },
  {
    name: 'a restored installation goes on in the chain of the backup',
    file: RENEW,
    find: 'const { mine } = freshChains(before.peer, random)',
    replace: 'const mine = { ...freshChains(before.peer, random).mine, chain: before.mine.chain }',
  },
  {
    name: 'a chain begun on an older backup is taken for one that ended',
    file: CHAIN,
    find: 'sentAtMs > Math.max(theirs?.sentAtMs ?? Infinity, ...times)',
    replace: 'sentAtMs > Math.max(Infinity, ...times)',
  },
  {
    name: 'what is carried over is known by what carries it',
    file: ENVELOPE,
    find: 'id: messageId(sender, recipient, payload.envelope),',
    replace: 'id,',
  },
  {
    name: 'the clock does not count what came',
    file: CHAIN,
    find: 'clock: Math.max(chains.clock, clock),',
    replace: 'clock: chains.clock,',
  },
  {
    name: 'sealing keeps the keys it used',
    file: RATCHET,
    find: 'sending: { ...sending, key: chain, next: sending.next + 1 }',
    replace: 'sending: { ...sending, next: sending.next + 1 }',
  },
  {
    name: 'keys of what has not come are thrown away',
    file: RATCHET,
    find: 'const skipped = bounded([...state.skipped.filter((each) => each !== known), chain])',
    replace: 'const skipped = state.skipped',
  },
  {
    name: 'the ratchet turns without keeping the keys of the chain before',
    file: RATCHET,
    find: 'next = skip(next, previous)\n',
    replace: '',
  },
  {
    name: 'a message before the last is one that came before',
    file: RATCHET,
    find: 'const late = openSkipped(state, header, ciphertext, bound)',
    replace: 'const late = openSkipped({ ...state, skipped: [] }, header, ciphertext, bound)',
  },
  {
    name: 'one session alone is remembered',
    file: SESSIONS,
    find: 'return [session, ...others].slice(0, MAX_SESSIONS)',
    replace: 'return [session].slice(0, MAX_SESSIONS + others.length)',
  },
  {
    name: 'a session begins and is not the one to seal in',
    file: SESSIONS,
    find: 'return { sessions: used(others, after), plaintext: unpad(plaintext) }',
    replace:
      'return { sessions: [...others, after], plaintext: unpad(plaintext).subarray(0, others.length > 3 ? 0 : undefined) }',
  },
  {
    name: 'what begins a session comes from whoever has the prekey still',
    file: SEALER,
    find: 'if (hasBegun(await this.#sessions(peer), sealed)) return peer',
    replace: 'if (hasBegun([], sealed)) return peer',
  },
  {
    name: 'the used one-time prekey is not spent, another is',
    file: SEALER,
    find: 'return { content: plaintext, step: stepOf(sessions, oneTime, mark) }',
    replace: 'return { content: plaintext, step: stepOf(sessions, (oneTime ?? 0) + 1, mark) }',
  },
  {
    name: 'opened items are not marked',
    file: SEALER,
    find: 'return { content: opened.plaintext, step: stepOf(opened.sessions, null, mark) }',
    replace: 'return { content: opened.plaintext, step: stepOf(opened.sessions, null, null) }',
  },
  {
    name: 'items are removed before they are taken',
    file: VISIT,
    find: "if (outcome === 'later') this.#left.add(markOf(item))\n        else gone.push(number)",
    replace: 'gone.push(number)',
  },
  {
    name: 'an item that finds no room is refused for good',
    file: VISIT,
    find: 'if (error instanceof StorageFullError || !(error instanceof StarlingError)) throw error',
    replace: 'if (!(error instanceof StarlingError)) throw error',
  },
  {
    name: 'only the mailbox of this epoch is visited',
    file: VISIT,
    find: 'const newest = Math.max(epoch, epochOf(clock.now()))',
    replace: 'const newest = epoch',
  },
  {
    name: 'visits end with the first that fails',
    file: OWN,
    find: 'nextMs = visitor.backoff.next()',
    replace: 'return',
  },
  {
    name: 'mailboxes are visited on after the stop',
    file: OWN,
    find: 'for (const { cancel } of this.#visitors.values()) cancel?.()\n',
    replace: '',
  },
  {
    name: 'what waits is put at relays on after the stop',
    file: DEPOSITS,
    find: 'for (const { cancel } of this.#addressees.values()) cancel?.()\n',
    replace: '',
  },
  {
    name: 'the same messages are put again and again',
    file: DEPOSITS,
    find: 'for (const each of await delivery.lacking(peer, BATCH, relays)) {',
    replace: 'for (const each of (await delivery.lacking(peer, BATCH)).slice(0, 1)) {',
  },
  {
    name: 'a receipt of another item is kept',
    file: DEPOSITS,
    find: 'const receipt = { relay: target.address, store: toBase64url(store), atMs }',
    replace:
      'const receipt = { relay: target.address, store: toBase64url(store), atMs }\n      for (const each of parcels) await each.kept(receipt, await wanted())',
  },
  {
    name: 'nothing is put where a channel is that brings nothing',
    file: DEPOSITS,
    find: 'if (patienceMs > 0) return patienceMs',
    replace: 'if (patienceMs > -Infinity) return null',
  },
  {
    name: 'a failed put is not tried again',
    file: DEPOSITS,
    find: 'if (failed.length === 0) return null',
    replace: 'if (failed.length < Infinity) return null',
  },
  {
    name: 'nobody is told that their keys are lost',
    file: MAIL,
    find: "return (await this.#tellLost(from)) ? 'unopened' : 'later'",
    replace: 'return taken',
  },
  {
    name: 'what does not open is removed before that may be told again',
    file: MAIL,
    find: "return (await this.#tellLost(from)) ? 'unopened' : 'later'",
    replace: 'await this.#tellLost(from)\n    return taken',
  },
  {
    name: 'a history is deleted with what waits behind a gap, and nobody told',
    file: DELIVERY,
    find: "if (waits) await this.#notes.owe(peer, 'status', true)\n",
    replace: '',
  },
  {
    name: 'a note is known before it is heeded',
    file: POST,
    find: "const { mail, store } = this.#components\n    if (note.type === 'hello') {",
    replace:
      "const { mail, store } = this.#components\n    await store.putStep(peer, step)\n    if (note.type === 'hello') {",
  },
  {
    name: 'a word that keys are lost is taken back by what is said after it',
    file: NOTES,
    find: 'const again = lost || (before !== undefined && this.#asNow(before).lost)',
    replace: 'const again = lost && before !== null',
  },
  {
    name: 'a relay gives the receipt and keeps nothing',
    file: RELAY,
    find: 'const kept = await this.#store.put({',
    replace: 'const kept = await Promise.resolve({',
  },
  {
    name: 'a relay keeps items for a minute',
    file: RELAY,
    find: 'const expiresAtMs = storedAtMs + ITEM_LIFE_MS',
    replace: 'const expiresAtMs = storedAtMs + 60_000',
  },
]
