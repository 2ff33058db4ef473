import type { WayTally } from '../../db/schema.ts'
import type { RankedWay } from '../api.ts'
import { lateShare } from './measured.ts'
import type { RelayWay } from './tally.ts'

export interface Standing {
  way: RelayWay
  /** See `scoreOf`. */
  score: number
  /** What is known of it on this network. */
  tally: WayTally | undefined
  /** What the relay is connected by now. */
  used: RelayWay | null
  /** What it is connected by beside that. */
  spare: readonly (RelayWay | null)[]
  /** Whether no way to the relay came through when all were last tried. */
  isDown: boolean
}

/** A way to a relay as people see it. */
export function rankedWay({ way, score, tally, used, spare, isDown }: Standing): RankedWay {
  const wasTried = tally !== undefined && tally.tries > 0
  return {
    way,
    mode: tally?.mode ?? null,
    score,
    state: stateOf(),
    openMs: tally?.openMs ?? null,
    triedAtMs: wasTried ? tally.atMs : null,
    lateShare: lateShare(tally ?? {}),
    bytesPerSecond: tally?.carried?.bytesPerSecond ?? null,
  }

  function stateOf(): RankedWay['state'] {
    if (way === used) return 'used'
    if (spare.includes(way)) return 'spare'
    if (isDown) return 'down'
    if (!wasTried) return 'untried'
    return tally.blocked === true ? 'blocked' : 'open'
  }
}
