/** Programs of the system that the tests need. */
import { findProgram } from '../relay-node/src/turn/find-program.ts'
import { run } from './command.ts'

/** The path of the first of these programs that is on the PATH. */
export function onPath(...names: string[]): string | null {
  return names.map(findProgram).find((path) => path !== null) ?? null
}

/** Where this is Debian and we are root; elsewhere nothing happens. */
export async function installDebianPackages(packages: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0 || onPath('apt-get') === null) return
  console.log(`Installing ${packages.join(', ')}…`)
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run(['apt-get', 'update', '-q'], { show: true, env })
  const install = ['apt-get', 'install', '-y', '-q', '--no-install-recommends'] as const
  await run([...install, ...packages], { show: true, env })
}
