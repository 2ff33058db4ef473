/**
 * Circuits as bytes: the messages of https://github.com/libp2p/specs/blob/master/relay/circuit-v2.md without a
 * connection inside, so that every byte the relay carries is counted.
 */
import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { Libp2p, PeerId, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { bytesToHex } from '@noble/hashes/utils.js'
import { base58btc } from 'multiformats/bases/base58'

/** Protobuf: field 1, `type`, as a varint. */
const TYPE = 0x08
const HOP_RESERVE = Uint8Array.of(TYPE, 0)
const HOP_CONNECT = Uint8Array.of(TYPE, 1)
/** Protobuf: field 2, `peer`, with field 1, `id`; both of a length. */
const PEER = 0x12
const PEER_ID = 0x0a
/** `type` STATUS, and field 4, `status`, 100: OK. */
const STOP_OK = Uint8Array.of(TYPE, 1, 0x20, 100)
/** Field 5, `status`, 100: OK. A hop answer ends with it. */
const HOP_OK = '2864'

type Client = Pick<Libp2p, 'handle' | 'dialProtocol'>

/** Holds a reservation at a relay this client, which has no circuit transport, is connected to; circuits to it go to `onCircuit`. */
export async function reserve(
  client: Client,
  relay: PeerId,
  onCircuit: (stream: Stream) => void,
): Promise<void> {
  await client.handle(
    RELAY_V2_STOP_CODEC,
    async (stream) => {
      const frames = lpStream(stream)
      await frames.read()
      await frames.write(STOP_OK)
      onCircuit(frames.unwrap())
    },
    { maxInboundStreams: 256 },
  )
  const reserved = await hop(client, relay, HOP_RESERVE)
  await reserved.close()
}

/** Opens a circuit to the peer of this id, which holds a reservation at the relay. */
export async function openCircuit(from: Client, to: string, relay: PeerId): Promise<Stream> {
  const id = base58btc.decode(`z${to}`)
  const peer = [PEER, id.byteLength + 2, PEER_ID, id.byteLength, ...id]
  return await hop(from, relay, Uint8Array.of(...HOP_CONNECT, ...peer))
}

async function hop(client: Client, relay: PeerId, request: Uint8Array): Promise<Stream> {
  const stream = await client.dialProtocol(relay, RELAY_V2_HOP_CODEC, { maxOutboundStreams: 256 })
  const frames = lpStream(stream)
  await frames.write(request)
  const answer = bytesToHex((await frames.read()).subarray())
  if (!answer.endsWith(HOP_OK)) throw new Error(`the relay refused: ${answer}`)
  return frames.unwrap()
}
