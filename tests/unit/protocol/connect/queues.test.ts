import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_QUEUE_BYTES } from '#lib/protocol/connect/connect.ts'
import {
  encodedBytes,
  endOf,
  FRAME_HEADER_BYTES,
  MAX_FRAME_BYTES,
} from '#lib/protocol/connect/frames.ts'
import { ReceiveQueue, SendQueue } from '#lib/protocol/connect/queues.ts'

const invalid: unknown = expect.objectContaining({ name: 'InvalidDataError' })

/** What a way does with the frames of one request: how many arrive, whether twice, whether the answer does. */
const request = fc.record({
  write: fc.uint8Array({ maxLength: 60_000 }),
  arrive: fc.nat(6),
  twice: fc.boolean(),
  answered: fc.boolean(),
  bytes: fc.integer({ min: 1, max: 80_000 }),
})

test('whatever is lost, doubled or cut, each byte comes once and in order', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 40 }), (requests) => {
      const [send, receive] = [new SendQueue(), new ReceiveQueue()]
      const [sent, came]: [Uint8Array[], Uint8Array[]] = [[], []]
      const carry = ({ arrive, twice, answered, bytes }: (typeof requests)[number]): void => {
        const frames = send.from(send.acknowledged, bytes).slice(0, arrive)
        for (const frame of twice ? [...frames, ...frames] : frames) {
          const data = receive.take(frame)
          if (data !== null) came.push(data)
        }
        if (answered) send.acknowledge(receive.next)
      }
      for (const one of requests) {
        sent.push(one.write.slice(0, send.push(one.write)))
        carry(one)
        expect(send.bytes).toBeLessThanOrEqual(MAX_QUEUE_BYTES)
      }
      send.end()
      const whole = { write: new Uint8Array(), arrive: Infinity, twice: false, answered: true }
      while (send.bytes > 0) carry({ ...whole, bytes: MAX_QUEUE_BYTES })
      expect(Buffer.concat(came).equals(Buffer.concat(sent))).toBe(true)
      expect(receive.ended).toBe(true)
    }),
  )
})

test('a queue holds as much as it may, takes the rest when there is room, and an end always', () => {
  const queue = new SendQueue()
  const data = new Uint8Array(2 * MAX_QUEUE_BYTES)
  const taken = queue.push(data)
  const frames = queue.from(0, Infinity)
  expect(queue.bytes).toBe(frames.reduce((sum, frame) => sum + encodedBytes(frame), 0))
  expect(queue.bytes).toBeLessThanOrEqual(MAX_QUEUE_BYTES)
  expect(MAX_QUEUE_BYTES - queue.bytes).toBeLessThan(MAX_FRAME_BYTES + FRAME_HEADER_BYTES)
  expect(queue.push(data)).toBe(0)
  queue.acknowledge(1)
  expect(queue.push(data.subarray(taken))).toBe(MAX_FRAME_BYTES)
  queue.end()
  expect(queue.from(0, Infinity).at(-1)?.type).toBe('end')
})

test('nobody acknowledges what was never sent', () => {
  const queue = new SendQueue()
  queue.push(Uint8Array.of(1))
  expect(() => {
    queue.acknowledge(2)
  }).toThrow(invalid)
  queue.acknowledge(1)
  queue.acknowledge(0)
  expect(queue.acknowledged).toBe(1)
})

test('a gap is refused, and so is what comes after the end', () => {
  const queue = new ReceiveQueue()
  expect(() => queue.take(endOf(1))).toThrow(invalid)
  queue.take(endOf(0))
  expect(() => queue.take(endOf(1))).toThrow(invalid)
  expect(queue.take(endOf(0))).toBeNull()
})
