import { SealedStorage } from '#lib/client/sealed-storage.ts'
import { bytesToHex } from '@noble/ciphers/utils.js'
import { gcm } from '@noble/ciphers/aes.js'
import { UnitDecoder, encodeCredit, encodeFrame } from '#lib/p2p/channels/frames.ts'
import { encodeLengthPrefixed, readLengthPrefixed } from '#lib/p2p/length-prefixed.ts'
import { originsOf, parseRelayAddress, parseTypedAddress } from '#lib/p2p/addresses.ts'
import { check } from '#lib/protocol/check.ts'
import { fromBridgeSchema, toBridgeSchema } from '#lib/protocol/rtc-messages.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { RpcClient } from '#lib/rpc/client.ts'
import { ErrorClasses } from '#lib/rpc/errors.ts'
import type { ToHost, ToTab } from '#lib/rpc/messages.ts'
import { RpcServer } from '#lib/rpc/server.ts'
import { fromHostSchema, fromTabSchema, type FromHost, type FromTab } from '#lib/rpc/session.ts'
import type { Stream } from '@libp2p/interface'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'
import { decodeCommand, refOf } from '#peer/protocol.ts'
import { changedText } from '../texts.ts'
import { bytesLike, bytesTarget, textTarget, valueTarget, type Target } from '../target.ts'

export function portTargets(): Target[] {
  return [...rpcTargets(), ...streamTargets(), ...lineTargets()]
}

interface Echo {
  say(word: string): Promise<unknown>
  watchAll(): AsyncIterable<unknown>
}

function rpcTargets(): Target[] {
  const calls: ToHost[] = [
    { type: 'call', id: 1, component: 'echo', method: 'say', args: ['a', 1] },
    { type: 'open', id: 2, component: 'echo', method: 'watchAll', args: [], credit: 3 },
    { type: 'credit', id: 2, count: 1 },
    { type: 'cancel', id: 2 },
  ]
  const answers: ToTab[] = [
    { type: 'result', id: 1, value: 'a' },
    { type: 'item', id: 2, value: { b: 1 } },
    { type: 'end', id: 2 },
    { type: 'failure', id: 1, error: { name: 'NoAnswerError', message: 'none' } },
  ]
  const tab: FromTab[] = [
    { lane: 'hello', tab: 'a', contract: 1, build: 'b', webrtc: true, visible: false },
    { lane: 'visible', visible: true },
    { lane: 'rpc', message: calls[0] },
  ]
  const host: FromHost[] = [
    { lane: 'hello', host: 'a', contract: 1, build: 'b' },
    { lane: 'leaving', reason: 'locked' },
    { lane: 'rtc', message: null },
  ]
  const description = { type: 'offer', sdp: 'v=0' }
  const candidate = {
    candidate: 'candidate:1',
    sdpMid: '0',
    sdpMLineIndex: 0,
    usernameFragment: 'a',
  }
  const toBridge = [
    { type: 'create', pc: 1, config: { iceServers: [{ urls: ['stun:a.example'] }] } },
    {
      type: 'call',
      pc: 1,
      call: 2,
      request: { method: 'setLocalDescription', argument: description },
    },
    { type: 'call', pc: 1, call: 3, request: { method: 'addIceCandidate', argument: candidate } },
    { type: 'data', channel: 1, chunks: [new ArrayBuffer(3)] },
  ]
  const fromBridge = [
    { type: 'answer', call: 2, value: description },
    { type: 'state', pc: 1, connection: 'new', ice: 'new', gathering: 'new', signaling: 'stable' },
    { type: 'candidate', pc: 1, candidate },
    { type: 'incoming', pc: 1, channel: 2, label: '', id: null },
  ]
  const echo: Echo = {
    say: (word) => Promise.resolve(word),
    async *watchAll() {
      yield await Promise.resolve(1)
    },
  }
  const methods = { echo: { say: 'call', watchAll: 'watch' } } as const
  return [
    valueTarget('call of a tab', [], calls, async (input) => {
      const server = new RpcServer<{ echo: Echo }>({
        api: { echo: Promise.resolve(echo) },
        methods,
        post: () => undefined,
        log: silentLogger,
      })
      server.receive(input)
      await Promise.resolve()
      server.close()
    }),
    valueTarget('answer of the host', [], answers, (input) => {
      const client = new RpcClient(new ErrorClasses([]))
      const api = client.api<{ echo: Echo }>(methods)
      client.attach(() => undefined)
      api.echo.say('a').catch(() => undefined)
      client.receive(input)
    }),
    valueTarget('word of a tab', [], tab, (input) => check(fromTabSchema, input)),
    valueTarget('word of the host', [], host, (input) => check(fromHostSchema, input)),
    valueTarget('word to the bridge', [], toBridge, (input) => check(toBridgeSchema, input)),
    valueTarget('word of the bridge', [], fromBridge, (input) => check(fromBridgeSchema, input)),
  ]
}

function streamTargets(): Target[] {
  const { signal } = new AbortController()
  const units = frozenBytes('network-1.0.0')
  const message = encodeLengthPrefixed(new Uint8Array(300).fill(4))
  return [
    bytesTarget(
      'units of a channel',
      [],
      [units['frame']!, units['credit']!, encodeFrame(new Uint8Array(40)), encodeCredit(70_000)],
      (input) => {
        const decoder = new UnitDecoder(1_000)
        const half = input.byteLength >> 1
        for (const part of [input.subarray(0, half), input.subarray(half)]) {
          Array.from(decoder.push(part))
        }
      },
    ),
    bytesTarget(
      'message with its length',
      ['src/lib/p2p/length-prefixed.ts#readLengthPrefixed'],
      [message],
      async (input) => {
        const stream = new EventTarget()
        const read = readLengthPrefixed(stream as unknown as Stream, 1_000, signal)
        const half = input.byteLength >> 1
        for (const part of [input.subarray(0, half), input.subarray(half)]) {
          stream.dispatchEvent(
            Object.assign(new Event('message'), { data: { subarray: () => part } }),
          )
        }
        stream.dispatchEvent(new Event('close'))
        await read
      },
    ),
  ]
}

function lineTargets(): Target[] {
  const lines = [
    {
      type: 'send',
      to: '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
      text: 'hello',
      intent: 'a',
      ref: '1',
    },
    {
      type: 'read',
      from: '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
      id: 'AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI',
    },
    { type: 'quit' },
  ].map((line) => JSON.stringify(line))
  const key = new Uint8Array(32)
  const left = JSON.stringify({ 'draft of 12D3KooW': 'and the', other: 'x' })
  const sealed = (text: string): string =>
    '00'.repeat(12) + bytesToHex(gcm(key, new Uint8Array(12)).encrypt(Buffer.from(text)))
  const noise = bytesLike([Buffer.from(sealed(left), 'hex')])
  return [
    textTarget(
      'address of a relay',
      ['parseRelayAddress', 'parseTypedAddress'].map((name) => `src/lib/p2p/addresses.ts#${name}`),
      [
        ...[
          'relay.example',
          'relay.example:8443',
          'http://localhost:8787',
          'wss://[2001:db8::1]:443/',
          'пример.рф',
          '127.0.0.1',
        ],
        ...[
          '/dns4/relay.example/tcp/443/tls/ws',
          '/ip6/::1/udp/9090/webrtc-direct/certhash/uEiAKt1oSvJ9w3Yc2fn2ViYPqCDmIr8FjlIjUGZZkHe4bQQ',
        ],
      ],
      (input) => {
        originsOf(parseRelayAddress(input))
        parseTypedAddress(input)
      },
    ),
    textTarget('line of a program', ['peer-node/src/protocol.ts#decodeCommand'], lines, (input) => {
      refOf(input)
      decodeCommand(input)
    }),
    {
      name: 'words left behind',
      decoders: [],
      oneOf: 4,
      make: (dice) => (dice.once(4) ? bytesToHex(noise(dice)) : sealed(changedText(dice, left))),
      take(item: string) {
        const storage = {
          getItem: () => item,
          setItem: () => undefined,
          removeItem: () => undefined,
        }
        new SealedStorage(storage, key, systemRandom).getItem('draft of 12D3KooW')
      },
    },
  ]
}
