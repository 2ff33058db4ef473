import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { run } from '../../scripts/command.ts'
import { findPostgres } from '../../scripts/postgres.ts'

/** Who may connect: everyone who reaches the socket, which is in a folder of the test. */
const USER = 'starling'

/** A real PostgreSQL in a folder of its own, reached by a socket in it. */
export class Postgres implements AsyncDisposable {
  readonly #folder: string
  #server: ChildProcess | null = null
  #databases = 0

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @throws Error that says what to install */
  static async start(): Promise<Postgres> {
    const folder = await mkdtemp(join(tmpdir(), 'starling-postgres-'))
    await chmod(folder, 0o755)
    await giveAway(folder)
    const postgres = new Postgres(folder)
    const { code, output } = await run(
      asServer('initdb', '-D', postgres.#data, '-U', USER, '-A', 'trust', '--no-sync'),
    )
    if (code !== 0) throw new Error(`initdb: ${output}`)
    // What its file says is kept over `ALTER SYSTEM`, and no port is taken.
    const settings = [
      "listen_addresses = ''",
      `unix_socket_directories = '${folder}'`,
      'max_connections = 50',
    ]
    await writeFile(join(postgres.#data, 'postgresql.conf'), `${settings.join('\n')}\n`)
    await postgres.up()
    return postgres
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  /** Starts the server, again after `kill`; resolves once it takes connections. */
  async up(): Promise<void> {
    const [program, ...args] = asServer('postgres', '-D', this.#data)
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#server = child
    const lines = createInterface({ input: child.stderr })
    let log = ''
    for await (const line of lines) {
      log += `${line}\n`
      if (line.includes('ready to accept connections')) {
        // What is not read would fill the pipe.
        child.stderr.resume()
        return
      }
    }
    throw new Error(`PostgreSQL did not start:\n${log}`)
  }

  /** Ends it as a failing machine would: it goes at once, and writes nothing more. */
  async kill(): Promise<void> {
    await this.#end('SIGQUIT')
  }

  /** An empty database; its address. */
  async database(): Promise<string> {
    this.#databases += 1
    const name = `test${this.#databases}`
    const client = new pg.Client(this.url('postgres'))
    await client.connect()
    await client.query(`CREATE DATABASE ${name}`)
    await client.end()
    return this.url(name)
  }

  url(database: string): string {
    return `postgres://${USER}@/${database}?host=${encodeURIComponent(this.#folder)}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGINT')
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** SIGINT: fast shutdown; SIGQUIT: immediate (https://www.postgresql.org/docs/current/server-shutdown.html). */
  async #end(signal: 'SIGINT' | 'SIGQUIT'): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server?.exitCode !== null) return
    const ended = once(server, 'exit')
    server.kill(signal)
    await ended
  }
}

/** PostgreSQL refuses to run as root: then it is Debian's own user for it. */
function asServer(program: string, ...args: string[]): [string, ...string[]] {
  const folder = findPostgres()
  if (folder === null)
    throw new Error('No PostgreSQL. Install it (Debian: apt-get install postgresql)')
  const command = [join(folder, program), ...args] as const
  return process.getuid?.() === 0
    ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups', '--', ...command]
    : [...command]
}

async function giveAway(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return
  const ids = await Promise.all(['-u', '-g'].map((flag) => run(['id', flag, 'postgres'])))
  const [user, group] = ids.map(({ output }) => Number(output))
  await chown(folder, user!, group!)
}
