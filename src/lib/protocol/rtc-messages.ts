import * as v from 'valibot'

/*
 * The WebRTC bridge's messages. RTCPeerConnection exists only in a window, the node only in a worker, so each
 * connection has two halves: a stand-in in the worker and the real one in a tab.
 *
 *   worker → tab   create {pc, config}                    then, by the same number:
 *                  call {pc, call, method, argument}      answered by `answer` or `refusal`
 *                  channel {pc, channel, label}           a channel of ours (odd numbers)
 *                  data {channel, chunks}                 chunks are transferred, each one message
 *                  closeChannel {channel} · close {pc}
 *   tab → worker   answer {call, value} · refusal {call, name, message}
 *                  state {pc, connection, ice, gathering, signaling} · candidate {pc, candidate}
 *                  lost {pc}                              the other side is gone
 *                  incoming {pc, channel, label, id}      a channel of theirs (even numbers), open
 *                  open {channel, id} · data {channel, chunks} · sent {channel, bytes} · closed {channel}
 *
 * Numbers belong to one port. `sent` counts all bytes that have left the channel's buffer since it was made; it may
 * wait until they are many, as long as the buffer is not full.
 */

/** Connections of one tab at a time. Chromium ends at 500 over a tab's whole life. */
export const MAX_CONNECTIONS = 128

/** Data channels of one connection at a time; each is a libp2p stream. */
export const MAX_CHANNELS = 1024

/** Session descriptions are 1 to 4 KiB; candidates are shorter. */
const MAX_TEXT = 64 * 1024

const number = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = v.pipe(v.string(), v.maxLength(MAX_TEXT))
const description = v.object({
  type: v.picklist(['offer', 'answer', 'pranswer', 'rollback']),
  sdp: text,
})
const candidate = v.object({
  candidate: text,
  sdpMid: v.nullish(text, null),
  sdpMLineIndex: v.nullish(v.number(), null),
  usernameFragment: v.nullish(text, null),
})
const channelId = v.nullable(number)
const iceServer = v.object({
  urls: v.union([text, v.array(text)]),
  username: v.optional(text),
  credential: v.optional(text),
})
const config = v.object({
  iceServers: v.optional(v.pipe(v.array(iceServer), v.maxLength(8))),
  iceTransportPolicy: v.optional(v.picklist(['all', 'relay'])),
})
const chunks = v.array(v.instance(ArrayBuffer))

const method = v.variant('method', [
  v.object({ method: v.literal('createOffer') }),
  v.object({ method: v.literal('createAnswer') }),
  v.object({ method: v.literal('setLocalDescription'), argument: description }),
  v.object({ method: v.literal('setRemoteDescription'), argument: description }),
  v.object({ method: v.literal('addIceCandidate'), argument: candidate }),
])

export const toBridgeSchema = v.variant('type', [
  v.object({ type: v.literal('create'), pc: number, config }),
  v.object({ type: v.literal('call'), pc: number, call: number, request: method }),
  v.object({ type: v.literal('channel'), pc: number, channel: number, label: text }),
  v.object({ type: v.literal('data'), channel: number, chunks }),
  v.object({ type: v.literal('closeChannel'), channel: number }),
  v.object({ type: v.literal('close'), pc: number }),
])

export const fromBridgeSchema = v.variant('type', [
  v.object({ type: v.literal('answer'), call: number, value: v.nullable(description) }),
  v.object({ type: v.literal('refusal'), call: number, name: text, message: text }),
  v.object({
    type: v.literal('state'),
    pc: number,
    connection: v.picklist(['closed', 'connected', 'connecting', 'disconnected', 'failed', 'new']),
    ice: v.picklist([
      'checking',
      'closed',
      'completed',
      'connected',
      'disconnected',
      'failed',
      'new',
    ]),
    gathering: v.picklist(['complete', 'gathering', 'new']),
    signaling: v.picklist([
      'closed',
      'have-local-offer',
      'have-local-pranswer',
      'have-remote-offer',
      'have-remote-pranswer',
      'stable',
    ]),
  }),
  v.object({ type: v.literal('candidate'), pc: number, candidate: v.nullable(candidate) }),
  v.object({ type: v.literal('lost'), pc: number }),
  v.object({
    type: v.literal('incoming'),
    pc: number,
    channel: number,
    label: text,
    id: channelId,
  }),
  v.object({ type: v.literal('open'), channel: number, id: channelId }),
  v.object({ type: v.literal('data'), channel: number, chunks }),
  v.object({ type: v.literal('sent'), channel: number, bytes: number }),
  v.object({ type: v.literal('closed'), channel: number }),
])

export type BridgeMethod = v.InferOutput<typeof method>
export type ConnectionConfig = v.InferOutput<typeof config>
export type Description = v.InferOutput<typeof description>
export type Candidate = v.InferOutput<typeof candidate>
export type ToBridge = v.InferOutput<typeof toBridgeSchema>
export type FromBridge = v.InferOutput<typeof fromBridgeSchema>
