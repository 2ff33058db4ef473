import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { expect, test } from 'vitest'
import { IDLE_MS, POLL_MS } from '#lib/protocol/connect/connect.ts'
import { EventReader } from '#lib/protocol/connect/events.ts'
import { FrameReader, type Frame, RESET } from '#lib/protocol/connect/frames.ts'
import { SendQueue } from '#lib/protocol/connect/queues.ts'
import { PollAnswer, StreamAnswer } from '#relay/connect/answers.ts'
import type { ConnectSession } from '#relay/connect/session.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

/** An answer whose socket takes what a test lets it take. */
class FakeAnswer extends EventEmitter {
  readonly written: Array<Uint8Array | string> = []
  writableEnded = false
  full = false
  destroyed = false

  write(chunk: Uint8Array | string): boolean {
    this.written.push(chunk)
    return !this.full
  }

  end(chunk?: Uint8Array): void {
    if (chunk !== undefined) this.written.push(chunk)
    this.writableEnded = true
    this.emit('close')
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }

  get frames(): Frame[] {
    const reader = new FrameReader()
    return this.written.flatMap((chunk) => reader.push(chunk as Uint8Array))
  }

  get types(): string[] {
    return this.frames.map(({ type }) => type)
  }
}

function parts() {
  const clock = new ManualClock()
  const queue = new SendQueue()
  const answer = new FakeAnswer()
  const session = {
    from: (number: number, maxBytes: number) => queue.from(number, maxBytes),
    detach: () => undefined,
  } as unknown as ConnectSession
  return {
    clock,
    queue,
    answer,
    components: { clock, session, raw: answer as unknown as ServerResponse },
  }
}

test('an answer that goes on says at once that it does, and every 15 s when it has nothing else', () => {
  const { clock, answer, components } = parts()
  new StreamAnswer(components, 'binary', 0)
  expect(answer.types).toEqual(['idle'])
  clock.advance(IDLE_MS - 1)
  expect(answer.types).toEqual(['idle'])
  clock.advance(1)
  expect(answer.types).toEqual(['idle', 'idle'])
  answer.end()
  expect(clock.pending).toBe(0)
})

test('events are kept alive by comments', () => {
  const { clock, answer, components } = parts()
  new StreamAnswer(components, 'sse', 0)
  clock.advance(IDLE_MS)
  expect(answer.written).toEqual([':\n\n', ':\n\n'])
})

test('it begins with the number asked for, and waits while its socket is full', () => {
  const { queue, answer, components } = parts()
  for (const byte of [0, 1, 2]) queue.push(Uint8Array.of(byte))
  const stream = new StreamAnswer(components, 'binary', 1)
  answer.full = true
  stream.wake()
  stream.wake()
  expect(answer.frames.map(({ number }) => number)).toEqual([0, 1, 2])
  answer.full = false
  queue.push(Uint8Array.of(3))
  stream.wake()
  expect(answer.frames.at(-1)?.number).toBe(2)
  answer.emit('drain')
  expect(answer.frames.at(-1)?.number).toBe(3)
  queue.end()
  stream.wake()
  expect(answer.writableEnded).toBe(true)
})

test('an answer that is complete has all there is, or nothing after 10 s', async () => {
  const { clock, queue, answer, components } = parts()
  const poll = new PollAnswer(components, 0)
  queue.push(Uint8Array.of(1))
  poll.wake()
  queue.push(Uint8Array.of(2))
  poll.wake()
  await new Promise((resolve) => setImmediate(resolve))
  expect(answer.frames.map(({ data }) => [...data])).toEqual([[1], [2]])
  expect(clock.pending).toBe(0)

  const idle = parts()
  new PollAnswer(idle.components, 0)
  idle.clock.advance(POLL_MS)
  expect([idle.answer.writableEnded, idle.answer.frames]).toEqual([true, []])
})

test('a session that is over is said to be, whatever the answer', () => {
  const streamed = parts()
  new StreamAnswer(streamed.components, 'binary', 0).end()
  expect(streamed.answer.types).toEqual(['idle', 'reset'])

  const events = parts()
  new StreamAnswer(events.components, 'sse', 0).end()
  const reader = new EventReader()
  const text = new TextEncoder()
  const frames = events.answer.written.flatMap((each) => reader.push(text.encode(each as string)))
  expect(frames.at(-1)).toEqual(RESET)

  const polled = parts()
  polled.queue.push(Uint8Array.of(1))
  new PollAnswer(polled.components, 0).end()
  expect(polled.answer.types).toEqual(['data', 'reset'])
  for (const { clock } of [streamed, events, polled]) expect(clock.pending).toBe(0)
})

test('who does not read an answer loses its socket when the session is over', () => {
  const { answer, components, queue } = parts()
  const stream = new StreamAnswer(components, 'binary', 0)
  answer.full = true
  queue.push(Uint8Array.of(1))
  stream.wake()
  stream.end()
  expect(answer.destroyed).toBe(true)
})
