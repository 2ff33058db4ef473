/** The PostgreSQL that tests start: the newest of this machine, else Debian's. */
import { globSync } from 'node:fs'
import { dirname } from 'node:path'
import { installDebianPackages, onPath } from './programs.ts'

/** The folder of `initdb` and `postgres`; Debian keeps them off the PATH. */
export function findPostgres(): string | null {
  const versions = globSync('/usr/lib/postgresql/*/bin/initdb').toSorted(
    new Intl.Collator('en', { numeric: true }).compare,
  )
  const found = versions.at(-1) ?? onPath('initdb')
  return found === null ? null : dirname(found)
}

/** Tries to get it where there is none; `findPostgres` then tells whether it is there. */
export async function installPostgres(): Promise<void> {
  if (findPostgres() === null) await installDebianPackages(['postgresql'])
}
