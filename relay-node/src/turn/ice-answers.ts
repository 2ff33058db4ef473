import {
  ICE,
  type IcePlace,
  type IceRequest,
  type IceResponse,
  MAX_ICE_REQUESTS_PER_MINUTE,
} from '#lib/protocol/ice.ts'
import { Answers, type AnswersComponents } from '../answers.ts'
import { TURN_DOWN_LIFE_MS } from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import type { TurnCredentials } from './credentials.ts'

export interface IceAnswersComponents extends AnswersComponents {
  credentials: TurnCredentials
  /** Where the servers are now. */
  places: () => IcePlace[]
}

/** The relay's side of `/starling/ice/1.0.0` (src/lib/protocol/ice.ts): whoever is connected gets a share of the servers. */
export function iceAnswers(components: IceAnswersComponents): Answers<IceRequest, IceResponse> {
  const { clock, refusals, credentials, places } = components
  const requests = new RateLimit({ clock }, { max: MAX_ICE_REQUESTS_PER_MINUTE, windowMs: 60_000 })
  return new Answers(components, {
    question: ICE,
    malformed: 'ice-malformed',
    answer: (_, peer) => {
      if (!requests.allow(peer)) {
        refusals.count('ice-requests')
        return Promise.resolve({ type: 'refused', reason: 'busy' })
      }
      const { username, password, lifeMs } = credentials.for(peer)
      const servers = places()
      return Promise.resolve({
        type: 'servers',
        servers,
        username,
        password,
        lifeMs: servers.length === 0 ? TURN_DOWN_LIFE_MS : lifeMs,
      })
    },
  })
}
