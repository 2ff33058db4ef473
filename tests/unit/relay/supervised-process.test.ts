import { expect, onTestFinished, test, vi } from 'vitest'
import {
  PROGRAM_MAX_RESTART_MS,
  PROGRAM_RESTART_MS,
  PROGRAM_START_MS,
  PROGRAM_STEADY_MS,
} from '#relay/limits.ts'
import { SupervisedProcess } from '#relay/supervised-process.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { eventually } from '../../fixtures/eventually.ts'

function supervise(script: string) {
  const clock = new ManualClock()
  const warnings: string[] = []
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (text: string) => warnings.push(text),
    error: () => undefined,
  }
  const program = new SupervisedProcess(
    { clock, log },
    { name: 'program', command: [process.execPath, '-e', script] },
  )
  onTestFinished(() => program.stop())
  /** Until it has ended so many times. */
  const ended = (times: number): Promise<void> =>
    eventually(() => {
      expect(warnings).toHaveLength(times)
    })
  return { clock, warnings, program, ended }
}

const FOREVER = 'setInterval(() => 0, 1000)'

test('one that ends is started again, later each time, and its last words are told', async () => {
  const { clock, program, warnings, ended } = supervise('console.log("no room"); process.exit(3)')
  program.start()
  await ended(1)
  expect(warnings[0]).toContain('(3)')
  expect(warnings[0]).toContain('no room')
  expect(program.pid).toBeNull()
  clock.advance(PROGRAM_RESTART_MS - 1)
  expect(program.pid).toBeNull()
  clock.advance(1)
  expect(program.pid).not.toBeNull()
  await ended(2)
  clock.advance(2 * PROGRAM_RESTART_MS - 1)
  expect(program.pid).toBeNull()
  for (let times = 2; times < 10; times += 1) {
    await ended(times)
    clock.advance(PROGRAM_MAX_RESTART_MS)
    expect(program.pid).not.toBeNull()
  }
})

test('what one says that ran for a while is told to nobody: it names who used it', async () => {
  const { clock, program, warnings, ended } = supervise(`console.log("192.0.2.1"); ${FOREVER}`)
  program.start()
  clock.advance(PROGRAM_START_MS)
  process.kill(program.pid!)
  await ended(1)
  expect(warnings[0]).toMatch(/^program ended \(SIGTERM\), started again in 1 s$/)
})

test('one that ran for a while is started again soon', async () => {
  const { clock, program, ended } = supervise(FOREVER)
  program.start()
  for (const times of [1, 2, 3]) {
    clock.advance(PROGRAM_STEADY_MS)
    process.kill(program.pid!)
    await ended(times)
    clock.advance(PROGRAM_RESTART_MS)
    expect(program.pid).not.toBeNull()
  }
})

test('one that is not there does no harm', async () => {
  const clock = new ManualClock()
  const warn = vi.fn()
  const log = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() }
  const command = ['no-such-program-of-anyone'] as const
  const program = new SupervisedProcess({ clock, log }, { name: 'program', command: [...command] })
  program.start()
  await eventually(() => {
    expect(warn).toHaveBeenCalledOnce()
  })
  await program.stop()
  expect(clock.pending).toBe(0)
})

test('stopped, nothing of it is left', async () => {
  const { clock, program, warnings } = supervise(FOREVER)
  program.start()
  const pid = program.pid!
  await program.stop()
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  expect(clock.pending).toBe(0)
  clock.advance(PROGRAM_MAX_RESTART_MS)
  expect(program.pid).toBeNull()
  expect(warnings).toEqual([])
})

test('one that does not listen is killed', async () => {
  const script = `process.on('SIGTERM', () => 0); process.stderr.write('x'); ${FOREVER}`
  const { clock, program } = supervise(script)
  program.start()
  const pid = program.pid!
  // It has its handler by then.
  await eventually(async () => {
    const { readFile } = await import('node:fs/promises')
    const status = await readFile(`/proc/${pid}/status`, 'utf8')
    expect(Number.parseInt(/SigCgt:\s*([0-9a-f]+)/.exec(status)![1]!, 16) & (1 << 14)).not.toBe(0)
  })
  const stopped = program.stop()
  clock.advance(60_000)
  await stopped
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
