import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { coturnConfig, type CoturnConfigInit } from './coturn-config.ts'
import { findProgram } from './find-program.ts'

/** coturn, as Debian and others package it. */
export const COTURN = 'turnserver'

export interface CoturnInit extends Omit<CoturnConfigInit, 'database' | 'pidFile' | 'certificate'> {
  /** A folder of its own: its configuration holds the secret. */
  folder: string
  /** PEM, or the paths of it; null where there is no TLS. */
  certificate: { cert: string; key: string } | null
}

/** Writes what coturn reads, for nobody else to read, and gives the command that runs it. */
export async function prepareCoturn(init: CoturnInit): Promise<[string, ...string[]]> {
  const { folder, certificate } = init
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name)
    // The mode counts for a new file only.
    await rm(file, { force: true })
    await writeFile(file, text, { mode: 0o600 })
    return file
  }
  const isPem = certificate?.key.startsWith('-----') === true
  const pem =
    certificate !== null && isPem
      ? {
          cert: await write('certificate.pem', certificate.cert),
          key: await write('key.pem', certificate.key),
        }
      : certificate
  const file = await write(
    'turnserver.conf',
    coturnConfig({
      ...init,
      certificate: pem,
      database: join(folder, 'turndb'),
      pidFile: join(folder, 'turnserver.pid'),
    }),
  )
  return withItsParent([COTURN, '-c', file])
}

/** A relay that is killed takes its TURN server along, where the system can (util-linux on Linux). */
function withItsParent(command: [string, ...string[]]): [string, ...string[]] {
  return process.platform === 'linux' && findProgram('setpriv') !== null
    ? ['setpriv', '--pdeathsig', 'TERM', ...command]
    : command
}
