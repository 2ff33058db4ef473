import { afterEach, expect, test } from 'vitest'
import { acceptTabs, portToHost } from '../../../src/lib/rpc/broadcast-port.ts'
import type { Port } from '../../../src/lib/rpc/port.ts'
import { eventually } from '../../fixtures/eventually.ts'

/* On the platform's own BroadcastChannel, which is asynchronous: what is expected is waited for. */

const CHANNEL = 'tabs-of-this-test'

const closing: (() => void)[] = []

afterEach(() => {
  for (const close of closing.splice(0)) close()
})

function tab(name: string) {
  const port = portToHost(CHANNEL, name)
  const heard: unknown[] = []
  port.listen((message) => {
    heard.push(message)
  })
  closing.push(() => {
    port.close()
  })
  return { port, heard }
}

function host() {
  const lines: { port: Port; heard: unknown[] }[] = []
  const close = acceptTabs(CHANNEL, 'up', (port) => {
    const heard: unknown[] = []
    port.listen((message) => {
      heard.push(message)
    })
    lines.push({ port, heard })
  })
  closing.push(close)
  return { lines, close }
}

/** Someone who says what no tab and no host would. */
function stranger(): BroadcastChannel {
  const channel = new BroadcastChannel(CHANNEL)
  closing.push(() => {
    channel.close()
  })
  return channel
}

test('a host that starts says so to the tabs that are there', async () => {
  const [one, other] = [tab('one'), tab('other')]
  host()
  await eventually(() => {
    expect(one.heard).toEqual(['up'])
    expect(other.heard).toEqual(['up'])
  })
})

test('each tab that speaks has a line of its own', async () => {
  const { lines } = host()
  const [one, other] = [tab('one'), tab('other')]
  one.port.post('I am one')
  other.port.post('I am the other')
  one.port.post('still one')
  await eventually(() => {
    expect(lines.map(({ heard }) => heard)).toEqual([['I am one', 'still one'], ['I am the other']])
  })
  lines[0]?.port.post('to one')
  lines[1]?.port.post('to the other')
  await eventually(() => {
    expect(one.heard).toEqual(['to one'])
    expect(other.heard).toEqual(['to the other'])
  })
})

test('what is out of shape, and what is meant for others, is not heard', async () => {
  const { lines } = host()
  const one = tab('one')
  const channel = stranger()
  for (const odd of [
    null,
    'hello',
    { from: 'one', to: 'host' },
    { from: 'x'.repeat(65), to: 'host', message: 1 },
    { from: 'one', to: 'another tab', message: 1 },
    { from: 'another tab', to: 'one', message: 1 },
  ]) {
    channel.postMessage(odd)
  }
  channel.postMessage({ from: 'host', to: 'one', message: 'the last' })
  channel.postMessage({ from: 'one', to: 'host', message: 'the last' })
  await eventually(() => {
    expect(one.heard).toEqual(['the last'])
    expect(lines.at(-1)?.heard.at(-1)).toBe('the last')
  })
  expect(lines).toHaveLength(1)
})

test('a tab that speaks after its line was closed has a new one', async () => {
  const { lines } = host()
  const one = tab('one')
  one.port.post('first')
  await eventually(() => {
    expect(lines).toHaveLength(1)
  })
  lines[0]?.port.close()
  one.port.post('second')
  await eventually(() => {
    expect(lines.map(({ heard }) => heard)).toEqual([['first'], ['second']])
  })
})

test('a host accepts two hundred tabs, and another once one of them is gone', async () => {
  const { lines } = host()
  const channel = stranger()
  for (let number = 1; number <= 201; number += 1) {
    channel.postMessage({ from: `tab ${number}`, to: 'host', message: 'hello' })
  }
  channel.postMessage({ from: 'tab 1', to: 'host', message: 'after all' })
  await eventually(() => {
    expect(lines[0]?.heard).toEqual(['hello', 'after all'])
  })
  expect(lines).toHaveLength(200)
  lines[0]?.port.close()
  channel.postMessage({ from: 'tab 201', to: 'host', message: 'hello again' })
  await eventually(() => {
    expect(lines.at(-1)?.heard).toEqual(['hello again'])
  })
  expect(lines).toHaveLength(201)
})

test('a tab that was closed hears nothing more', async () => {
  const { lines } = host()
  const [one, other] = [tab('one'), tab('other')]
  one.port.post('hello')
  await eventually(() => {
    expect(lines).toHaveLength(1)
  })
  one.port.close()
  other.port.post('hello')
  await eventually(() => {
    expect(lines).toHaveLength(2)
  })
  for (const { port } of lines) port.post('anyone?')
  await eventually(() => {
    expect(other.heard).toEqual(['anyone?'])
  })
  expect(one.heard).toEqual([])
})
