import * as v from 'valibot'
import type { Port } from './port.ts'

/*
 * Ports over a BroadcastChannel, for browsers without SharedWorker: one host and many tabs share a channel, and
 * each message names whom it is from and for. Everything is copied to everybody, nothing is transferred.
 */

const HOST = 'host'

const framedSchema = v.object({
  from: v.pipe(v.string(), v.maxLength(64)),
  to: v.pipe(v.string(), v.maxLength(64)),
  message: v.unknown(),
})

type Framed = v.InferOutput<typeof framedSchema>

/** Lines a host accepts on one channel at most: more tabs than a person has open. */
const MAX_TABS = 200

/** The end of the tab of this name. */
export function portToHost(channelName: string, tab: string): Port {
  const channel = new BroadcastChannel(channelName)
  return {
    post(message) {
      channel.postMessage({ from: tab, to: HOST, message } satisfies Framed)
    },
    listen(listener) {
      channel.onmessage = ({ data }: MessageEvent<unknown>) => {
        const framed = v.safeParse(framedSchema, data)
        if (!framed.success || framed.output.from !== HOST) return
        if (framed.output.to === tab || framed.output.to === '*') listener(framed.output.message)
      }
    },
    close() {
      channel.close()
    },
  }
}

/**
 * The host's end: hands over a port for each tab that speaks, and begins by telling `greeting` to all that
 * listen. The returned function closes it.
 */
export function acceptTabs(
  channelName: string,
  greeting: unknown,
  onPort: (port: Port) => void,
): () => void {
  const channel = new BroadcastChannel(channelName)
  const listeners = new Map<string, (message: unknown) => void>()
  const open = (tab: string): void => {
    onPort({
      post(message) {
        channel.postMessage({ from: HOST, to: tab, message } satisfies Framed)
      },
      listen(listener) {
        listeners.set(tab, listener)
      },
      close() {
        listeners.delete(tab)
      },
    })
  }
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    const framed = v.safeParse(framedSchema, data)
    if (!framed.success || framed.output.to !== HOST) return
    const { from, message } = framed.output
    if (!listeners.has(from) && listeners.size < MAX_TABS) open(from)
    listeners.get(from)?.(message)
  }
  channel.postMessage({ from: HOST, to: '*', message: greeting } satisfies Framed)
  return () => {
    channel.close()
  }
}
