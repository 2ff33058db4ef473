import { sealForRelay } from '../../crypto/relay-seal.ts'
import {
  ASSIST_NONCE_BYTES,
  ASSIST_PATH,
  type AssistAnswer,
  assistAnswer,
  assistGreeting,
  assistRefusal,
  assistRequest,
  MAX_ASSIST_ANSWER_BYTES,
  MAX_ASSIST_GREETING_BYTES,
  MAX_ASSIST_REFUSAL_BYTES,
} from '../../protocol/assist.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import { peerIdOf } from '../../protocol/ids.ts'
import type { RendezvousTarget } from '../../protocol/rendezvous/addresses.ts'
import { relayPrekeys } from '../../protocol/relay-prekeys.ts'
import type { Random } from '../../protocol/seams.ts'
import type { Signer } from '../../protocol/signed.ts'
import { UnreachableError } from '../errors.ts'

export interface AskAssistanceComponents {
  signer: Signer
  random: Pick<Random, 'bytes'>
}

/**
 * Asks a relay for help to reach a peer. What comes is the relay's: signed by it, and the answer to this very request.
 * @throws UnreachableError when the relay is out of reach or refuses, LimitExceededError, InvalidDataError, InvalidSignatureError, CannotOpenError
 */
export async function askAssistance(
  { signer, random }: AskAssistanceComponents,
  { origin, relay, peer: to }: RendezvousTarget,
  signal?: AbortSignal,
): Promise<AssistAnswer> {
  const url = `${origin}${ASSIST_PATH}`
  const greeting = assistGreeting.decode(
    await exchange(url, MAX_ASSIST_GREETING_BYTES, { method: 'GET' }, signal),
  )
  // By the relay's clock, as this device's may be wrong.
  const request = {
    relay,
    from: peerIdOf(signer.publicKey),
    to,
    atMs: greeting.nowMs,
    nonce: random.bytes(ASSIST_NONCE_BYTES),
  }
  const prekeys = await relayPrekeys.open(greeting.prekeys)
  if (prekeys.relay !== relay) throw new InvalidDataError('the prekeys of another relay')
  const { sealed: body, openAnswer } = sealForRelay(
    prekeys,
    await assistRequest.seal(request, signer),
    random,
  )
  const bytes = await exchange(
    url,
    MAX_ASSIST_ANSWER_BYTES,
    { method: 'POST', body, headers: { 'content-type': 'application/octet-stream' } },
    signal,
  )
  const answer = await assistAnswer.open(openAnswer(bytes))
  if (answer.relay !== relay || !equalBytes(answer.nonce, request.nonce)) {
    throw new InvalidDataError('the answer of another relay, or to another request')
  }
  return answer
}

async function exchange(
  url: string,
  maxBytes: number,
  init: RequestInit,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  let response: Response
  try {
    response = await fetch(url, {
      ...init,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      ...(signal === undefined ? {} : { signal }),
    })
  } catch (cause) {
    signal?.throwIfAborted()
    throw new UnreachableError('the relay gives no assistance', { cause })
  }
  if (response.ok) return await bodyOf(response, maxBytes)
  throw new UnreachableError(`the relay gives no assistance: ${await reasonOf(response)}`)
}

async function reasonOf(response: Response): Promise<string> {
  try {
    return assistRefusal.decode(await bodyOf(response, MAX_ASSIST_REFUSAL_BYTES)).reason
  } catch {
    return String(response.status)
  }
}

/** @throws LimitExceededError as soon as more comes than may */
async function bodyOf(response: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(maxBytes)
  let length = 0
  // Not every browser can iterate over a stream.
  const reader = response.body?.getReader()
  try {
    for (;;) {
      const { done = true, value } = (await reader?.read()) ?? {}
      if (done || value === undefined) return whole.slice(0, length)
      if (length + value.byteLength > maxBytes) throw new LimitExceededError('a longer answer')
      whole.set(value, length)
      length += value.byteLength
    }
  } finally {
    await reader?.cancel()
  }
}
