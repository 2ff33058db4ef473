/** A network of its own within this machine (https://man7.org/linux/man-pages/man8/ip-netns.8.html). */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from '../../scripts/command.ts'

export class Namespace implements AsyncDisposable {
  readonly name: string

  private constructor(name: string) {
    this.name = name
  }

  static async make(label: string): Promise<Namespace> {
    const namespace = new Namespace(`starling-${process.pid}-${label}`)
    await must(['ip', 'netns', 'add', namespace.name])
    const settings = {
      'ipv4/ip_forward': 1,
      // Its addresses come a while later, which browsers take for a change of network.
      'ipv6/conf/all/disable_ipv6': 1,
      'ipv6/conf/default/disable_ipv6': 1,
    }
    for (const [name, value] of Object.entries(settings)) {
      await namespace.run('sh', '-c', `echo ${value} > /proc/sys/net/${name}`)
    }
    await namespace.run('ip', 'link', 'set', 'lo', 'up')
    return namespace
  }

  /** What a program is started with, to run in it. */
  get prefix(): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.name]
  }

  /** Runs a program to its end; gives what it printed. @throws Error when it fails */
  run(...command: string[]): Promise<string> {
    return must([...this.prefix, ...command])
  }

  spawn(...command: string[]): ChildProcess {
    const [program, ...args] = [...this.prefix, ...command]
    return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  }

  /** Loads rules of nftables. */
  rule(rules: string): void {
    const [program, ...args] = [...this.prefix, 'nft', '-f', '-']
    const { status, stderr } = spawnSync(program, args, { input: rules, encoding: 'utf8' })
    if (status !== 0) throw new Error(`nft: ${stderr}\n${rules}`)
  }

  /** A cable to another, with an address (`10.0.0.1/24`) at each end. */
  async link(here: [device: string, address: string], other: Namespace, there: [string, string]) {
    const end = ['netns', this.name, 'type', 'veth', 'peer', 'name', there[0], 'netns', other.name]
    await must(['ip', 'link', 'add', here[0], ...end])
    for (const [namespace, [device, address]] of [
      [this, here],
      [other, there],
    ] as const) {
      await namespace.run('ip', 'address', 'add', address, 'dev', device)
      await namespace.run('ip', 'link', 'set', device, 'up')
    }
    // A program that starts earlier would find no network.
    while (!(await other.run('ip', 'link', 'show', there[0])).includes('state UP')) await delay(10)
  }

  /** Takes a cable away, at once: with its namespace alone it would go some time later. */
  async unlink(device: string): Promise<void> {
    await run([...this.prefix, 'ip', 'link', 'delete', device])
  }

  async routeBy(gateway: string): Promise<void> {
    await this.run('ip', 'route', 'add', 'default', 'via', gateway)
  }

  /** Ends what still runs in it, and takes its devices along. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { output } = await run(['ip', 'netns', 'pids', this.name])
    for (const pid of output.split(/\s+/).filter((word) => /^\d+$/.test(word))) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It has just ended.
      }
    }
    await run(['ip', 'netns', 'delete', this.name])
  }
}

async function must(command: readonly string[]): Promise<string> {
  const { code, output } = await run(command as [string, ...string[]])
  if (code !== 0) throw new Error(`${command.join(' ')}: ${output}`)
  return output
}
