import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Command, Event } from '#peer/protocol.ts'
import type { Relay } from './relay.ts'

type EventOf<Type extends Event['type']> = Extract<Event, { type: Type }>

/** A command as a program writes it: ids are texts to it. */
type Spoken<Each> = Each extends Command
  ? { [Key in keyof Each]: Each[Key] extends string ? string : Each[Key] } & { type: Each['type'] }
  : never

/** A real peer in a process of its own, run by its lines. */
export class PeerProcess implements AsyncDisposable {
  readonly #dataFolder: string
  readonly #args: readonly string[]
  readonly #env: NodeJS.ProcessEnv
  #process: ChildProcess | null = null
  #events: Event[] = []
  /** Called when something came, or the process has ended. */
  readonly #waiting = new Set<() => void>()
  #commands = 0
  #errors = ''

  private constructor(dataFolder: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#dataFolder = dataFolder
    this.#args = args
    this.#env = env
  }

  /** Resolves once it is ready. @param relay null: it has none but its own. @param rest further flags, and further environment */
  static async start(
    relay: Pick<Relay, 'origin'> | null,
    name: string,
    ...rest: (string | { env: NodeJS.ProcessEnv })[]
  ): Promise<PeerProcess> {
    const dataFolder = await mkdtemp(join(tmpdir(), 'starling-peer-'))
    const flags = rest.filter((each) => typeof each === 'string')
    const env = rest.find((each) => typeof each !== 'string')?.env ?? {}
    const args = ['--name', name, ...flags]
    if (relay !== null) args.push('--relay', relay.origin)
    const peer = new PeerProcess(dataFolder, args, env)
    await peer.up()
    return peer
  }

  get dataFolder(): string {
    return this.#dataFolder
  }

  get id(): string {
    return this.#told('ready')!.peer
  }

  get card(): string {
    return this.#told('ready')!.card
  }

  get plain(): string {
    return this.#told('ready')!.plain
  }

  /** What it told since it was started last. */
  events<Type extends Event['type']>(type: Type): EventOf<Type>[] {
    return this.#events.filter((event): event is EventOf<Type> => event.type === type)
  }

  /** Starts it, again with the same data. */
  async up(): Promise<void> {
    this.#events = []
    const child = this.#spawn(this.#env)
    this.#process = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#events.push(JSON.parse(line) as Event)
      this.#wake()
    })
    child.once('close', () => {
      this.#wake()
    })
    // What is written to one that was killed is lost with it.
    child.stdin.on('error', () => undefined)
    await this.event('ready')
  }

  /** The first such event since it was started last. Waits as long as its test may run. */
  event<Type extends Event['type']>(
    type: Type,
    fits: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    const child = this.#running()
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.events(type).find(fits)
        if (found !== undefined) resolve(found)
        else if (child === this.#process && child.exitCode === null) return
        else reject(new Error(`the peer ended before ${type}:\n${this.#errors}`))
        this.#waiting.delete(look)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** Writes a line. */
  write(line: string): void {
    this.#running().stdin!.write(`${line}\n`)
  }

  /** The answer to a command. */
  async ask(command: Spoken<Command>): Promise<EventOf<'done'> | EventOf<'error'>> {
    const ref = `command ${(this.#commands += 1)}`
    this.write(JSON.stringify({ ...command, ref }))
    return Promise.race([
      this.event('done', (event) => event.ref === ref),
      this.event('error', (event) => event.ref === ref),
    ])
  }

  /** Resolves with the id once the message is durable here. */
  async send(to: PeerProcess, text: string, intent?: string): Promise<string> {
    const answer = await this.ask({
      type: 'send',
      to: to.id,
      text,
      ...(intent === undefined ? {} : { intent }),
    })
    if (answer.type === 'error' || answer.id === undefined) throw new Error(JSON.stringify(answer))
    return answer.id
  }

  /** Ends it as a failing machine would. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  /** Its exit code. */
  async stop(signal: 'SIGINT' | 'SIGTERM' = 'SIGTERM'): Promise<number | null> {
    return this.#end(signal)
  }

  /** What one says that starts with the same data and cannot. */
  async tryAgain(env: NodeJS.ProcessEnv): Promise<string> {
    const child = this.#spawn(env)
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    await once(child, 'close')
    if (child.exitCode !== 1) throw new Error(`it ended with ${String(child.exitCode)}: ${said}`)
    return said
  }

  /** Resolves with its exit code when it has ended by itself. */
  async ended(): Promise<number | null> {
    const child = this.#running()
    this.#process = null
    await once(child, 'close')
    return child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('SIGKILL')
    await rm(this.#dataFolder, { recursive: true, force: true })
  }

  #spawn(env: NodeJS.ProcessEnv): ChildProcessWithoutNullStreams {
    const command = ['peer-node/src/main.ts', '--data', this.#dataFolder, ...this.#args]
    return spawn(process.execPath, command, { env: { ...process.env, ...env } })
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look()
  }

  #told<Type extends Event['type']>(type: Type): EventOf<Type> | undefined {
    return this.events(type)[0]
  }

  #running(): ChildProcess {
    if (this.#process === null) throw new Error('the peer is not running')
    return this.#process
  }

  async #end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#process
    this.#process = null
    if (child === null) return null
    if (child.exitCode !== null) return child.exitCode
    const closed = once(child, 'close')
    child.kill(signal)
    await closed
    return child.exitCode
  }
}
