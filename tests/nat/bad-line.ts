import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Namespace } from './namespace.ts'

/** At 127.0.0.1 of the line's own namespace: where the program takes packets, and the socat of each device. */
const PORTS = [
  { here: 1_000, device: 2_000 },
  { here: 1_001, device: 2_001 },
] as const

type End = readonly [at: Namespace, device: string, address: string]

/**
 * Lays a line of 100 ms, 2 % loss and 5 Mbit/s between two namespaces where `Namespace.link` lays a good one: socat hands what
 * comes out of a TAP device at each end to `line-program.ts`, and that to the other end. Disposed of, both devices are gone.
 */
export async function badLine(ends: readonly [End, End], label: string): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack()
  const line = stack.use(await Namespace.make(label))
  const ports = PORTS.flatMap(({ here, device }) => [String(here), String(device)])
  const program = line.spawn(process.execPath, 'tests/nat/line-program.ts', ...ports)
  await once(program.stdout!, 'data')
  for (const [n, [at, device, address]] of ends.entries()) {
    const { here, device: port } = PORTS[n]!
    const tap = `TUN,tun-type=tap,iff-no-pi,tun-name=end${n}`
    line.spawn('socat', '-b65536', tap, `UDP:127.0.0.1:${here},bind=127.0.0.1:${port}`)
    while (!(await line.run('ip', '-brief', 'link')).includes(`end${n}`)) await delay(10)
    await line.run('ip', 'link', 'set', `end${n}`, 'netns', at.name, 'name', device)
    await at.run('ip', 'address', 'add', address, 'dev', device)
    await at.run('ip', 'link', 'set', device, 'up')
  }
  return stack.move()
}
