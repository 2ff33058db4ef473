import * as v from 'valibot'
import { operatorSchema } from '#lib/protocol/relay-list.ts'

const PREFIX = 'starling-relay/1'

/** What a relay calls itself in identify (https://github.com/libp2p/specs/tree/master/identify), with its operator. */
export function userAgent(operator: string | null): string {
  return operator === null ? PREFIX : `${PREFIX} ${operator}`
}

/** The operator in what another relay calls itself; `null` when it names none, or not as it should. */
export function operatorOf(agent: string | undefined): string | null {
  if (agent?.startsWith(`${PREFIX} `) !== true) return null
  const operator = v.safeParse(operatorSchema, agent.slice(PREFIX.length + 1))
  return operator.success ? operator.output : null
}
