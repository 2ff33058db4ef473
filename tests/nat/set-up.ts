/** What the laboratory needs of the system. */
import { installDebianPackages, onPath } from '../../scripts/programs.ts'
import { run } from '../../scripts/command.ts'

/** Programs, and the Debian packages they are in. */
const PROGRAMS = {
  ip: 'iproute2',
  nft: 'nftables',
  socat: 'socat',
  turnserver: 'coturn',
  tcpdump: 'tcpdump',
} as const

/** Gets what is missing, where that is allowed. Gives why it cannot run; null when it can. */
export async function whyNot(): Promise<string | null> {
  const missing = () => Object.entries(PROGRAMS).filter(([program]) => onPath(program) === null)
  if (missing().length > 0) await installDebianPackages(missing().map(([, name]) => name))
  const still = missing().map(([program]) => program)
  if (still.length > 0) return `${still.join(', ')} not installed`
  const name = `starling-${process.pid}-allowed`
  const made = await run(['ip', 'netns', 'add', name])
  if (made.code !== 0) return `no network namespaces here: ${made.output.trim()}`
  const ruled = await run(['ip', 'netns', 'exec', name, 'nft', 'list', 'ruleset'])
  await run(['ip', 'netns', 'delete', name])
  return ruled.code === 0 ? null : `no nftables in network namespaces: ${ruled.output.trim()}`
}
