import * as v from 'valibot'

/*
 * Calls and flows over a port.
 *
 *   tab → host   call {id, component, method, args}      one answer: result or failure
 *                open {id, component, method, args, credit}   a flow: item …, then end or failure
 *                credit {id, count}                      so many more items may be sent
 *                cancel {id}                             nothing more is wanted of it
 *   host → tab   result {id, value} · item {id, value} · end {id} · failure {id, error}
 *
 * Ids are chosen by the tab and never used twice on one port. After `result`, `end` or `failure` the id is over.
 */

/** Calls and flows open at once on one port: a screen needs about ten. */
export const MAX_OPEN = 256

/** Arguments of one call; the longest method takes four. */
export const MAX_ARGUMENTS = 8

/** Items of one flow that may be under way: enough to hide the port's latency at 64 KiB an item. */
export const MAX_CREDIT = 16

const id = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const name = v.pipe(v.string(), v.maxLength(64))
const args = v.pipe(v.array(v.unknown()), v.maxLength(MAX_ARGUMENTS))
const credit = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_CREDIT))
const error = v.object({ name, message: v.pipe(v.string(), v.maxLength(500)) })

export const toHostSchema = v.variant('type', [
  v.object({ type: v.literal('call'), id, component: name, method: name, args }),
  v.object({ type: v.literal('open'), id, component: name, method: name, args, credit }),
  v.object({ type: v.literal('credit'), id, count: credit }),
  v.object({ type: v.literal('cancel'), id }),
])

export const toTabSchema = v.variant('type', [
  v.object({ type: v.literal('result'), id, value: v.unknown() }),
  v.object({ type: v.literal('item'), id, value: v.unknown() }),
  v.object({ type: v.literal('end'), id }),
  v.object({ type: v.literal('failure'), id, error }),
])

export type ToHost = v.InferOutput<typeof toHostSchema>
export type ToTab = v.InferOutput<typeof toTabSchema>
