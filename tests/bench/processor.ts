import { readdirSync, readFileSync } from 'node:fs'

/** Of the clock that processes are charged by, on Linux always (proc(5), sysconf(_SC_CLK_TCK)). */
const TICK_MS = 10

interface Charged {
  parent: number
  ms: number
}

/** Runs something. */
export type Around = (run: () => Promise<number>) => Promise<number>

/**
 * Processor time of everything this program has started and not seen end, in ms; 0 where there is no proc(5). Beside
 * other work it changes far less than how long something takes.
 */
export function processorMs(): number {
  return [...started().values()].reduce((sum, { ms }) => sum + ms, 0)
}

/** Processes this one has started, and those that these have, with what each was charged; by their ids. */
export function started(by = process.pid): ReadonlyMap<number, Charged> {
  const all = new Map<number, Charged>()
  for (const pid of pids()) {
    const charged = chargedTo(pid)
    if (charged !== null) all.set(pid, charged)
  }
  return new Map([...all].filter(([pid]) => comesFrom(by, pid, all)))
}

function comesFrom(first: number, pid: number, all: ReadonlyMap<number, Charged>): boolean {
  const parent = all.get(pid)?.parent
  if (parent === undefined) return false
  return parent === first || comesFrom(first, parent, all)
}

function pids(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger)
  } catch {
    return []
  }
}

/** What a process was charged so far; null when it has ended meanwhile. */
export function chargedTo(pid: number): Charged | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The name stands in brackets, and may have any sign in it. Behind it: state, parent, …, utime, stime.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { parent: Number(fields[1]), ms: (Number(fields[11]) + Number(fields[12])) * TICK_MS }
  } catch {
    return null
  }
}
