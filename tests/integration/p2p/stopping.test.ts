import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { aRelay } from './scene.ts'

test('a process whose nodes are stopped has nothing left to wait for and ends by itself', async () => {
  const relay = await aRelay()
  const script = new URL('./start-talk-stop.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, relay.origin, relay.host], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  const [code] = (await once(child, 'exit')) as [number | null]
  expect(output.trim()).toBe('hello')
  expect(code).toBe(0)
})
