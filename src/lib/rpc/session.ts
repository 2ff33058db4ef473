import * as v from 'valibot'

/*
 * What a tab and the node host say to each other on their port.
 *
 *   tab → host   hello {tab, contract, build, webrtc, visible}    first, and again after `up`
 *                visible {visible}     the tab came to the front or went behind
 *                bye                   the page goes away (its Web Lock is the proof, this the fast path)
 *                rpc, rtc {message}    calls, and the WebRTC bridge
 *   host → tab   hello {host, contract, build}     the answer; after it, and only if both versions agree, the rest
 *                up                    a host has started: say hello (only where ports are shared)
 *                leaving {reason}      the host ends
 *                rpc, rtc {message}
 *
 * Each side lives as long as it holds a Web Lock, `tabLock` or `hostLock`: waiting for the other's lock is how
 * its death is noticed, whatever it died of.
 */

/** Why a host ends: a newer build took its place, everything was locked or erased, or it failed. */
export type LeaveReason = 'replaced' | 'locked' | 'erased' | 'failed'

const name = v.pipe(v.string(), v.maxLength(64))
const contract = v.pipe(v.number(), v.safeInteger())
const message = v.unknown()

export const fromTabSchema = v.variant('lane', [
  v.object({
    lane: v.literal('hello'),
    tab: name,
    contract,
    build: name,
    webrtc: v.boolean(),
    visible: v.boolean(),
  }),
  v.object({ lane: v.literal('visible'), visible: v.boolean() }),
  v.object({ lane: v.literal('bye') }),
  v.object({ lane: v.literal('rpc'), message }),
  v.object({ lane: v.literal('rtc'), message }),
])

export const fromHostSchema = v.variant('lane', [
  v.object({ lane: v.literal('hello'), host: name, contract, build: name }),
  v.object({ lane: v.literal('up') }),
  v.object({
    lane: v.literal('leaving'),
    reason: v.picklist(['replaced', 'locked', 'erased', 'failed']),
  }),
  v.object({ lane: v.literal('rpc'), message }),
  v.object({ lane: v.literal('rtc'), message }),
])

export type FromTab = v.InferOutput<typeof fromTabSchema>
export type FromHost = v.InferOutput<typeof fromHostSchema>

/** The Web Lock a tab holds while it lives. */
export const tabLock = (tab: string): string => `starling-tab-${tab}`

/** The Web Lock a host holds while it lives. */
export const hostLock = (host: string): string => `starling-host-${host}`

/** The BroadcastChannel on which tabs of one build reach a host in another tab's dedicated worker. */
export const tabsChannel = (build: string): string => `starling-tabs-${build}`
