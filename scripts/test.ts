/**
 * Every test, from units to two browsers that talk. `npm test` is the one command for a fresh machine; with
 * CI=true it also needs every browser, misuses and kills relays, and chats for ten minutes to see that nothing leaks.
 * What takes long has no more than its everyday share there once the machine was slow so far, so that all ends within an
 * hour; that is said at the end.
 *
 * Ends with the names of those that failed and `N passed, N failed`. A skipped test is a failed one, and so is a
 * suite in which none ran.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import {
  ensureChromium,
  findFirefox,
  findWebKit,
  installChromiumShell,
  installOtherBrowsers,
} from './browser.ts'
import { run } from './command.ts'
import { findPostgres, installPostgres } from './postgres.ts'
import { installDebianPackages, onPath } from './programs.ts'

interface Tally {
  passed: number
  failed: number
}

/** What is read of Vitest's JSON report. */
interface VitestReport {
  numTotalTests: number
  numPassedTests: number
  testResults: {
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[]
  }[]
}

interface PlaywrightSpec {
  title: string
  tests: {
    projectName: string
    status: string
    results: { error?: { message?: string } }[]
  }[]
}

interface PlaywrightSuite {
  specs: PlaywrightSpec[]
  suites?: PlaywrightSuite[]
}

/** What is read of Playwright's JSON report. */
interface PlaywrightReport {
  stats: { expected: number; unexpected: number; flaky: number; skipped: number }
  suites: PlaywrightSuite[]
}

const inCi = process.env['CI'] === 'true'
/** Of the soak: where everything has its whole share, and where it has not. Its first third is longer than what a cut leaves waiting (90 s). */
const SOAK_MINUTES = { whole: 10, least: 5 }
/** Where everything is whole, until when each part begins, in minutes; later it has its everyday share, or none. */
const WHOLE_UNTIL_MIN = {
  simulations: 8,
  fuzzing: 14,
  'hosts in a tab': 22,
  bench: 34,
  crowd: 42,
  kills: 44,
  soak: 46,
}
/** A program that hangs is one test that failed: what comes after it runs all the same. None takes longer than the soak. */
const PROGRAM_TIMEOUT_MS = 2 * SOAK_MINUTES.whole * 60_000
/** How tests/nat ends where it cannot run. */
const NAT_NOT_RUN = 77
const reports = await mkdtemp(join(tmpdir(), 'starling-test-'))
const total: Tally = { passed: 0, failed: 0 }
const remarks: string[] = []

/** Whether there is time for all of it. */
function isWhole(part: keyof typeof WHOLE_UNTIL_MIN): boolean {
  const inTime = performance.now() < WHOLE_UNTIL_MIN[part] * 60_000
  if (inCi && !inTime) remarks.push(`**** a slow machine: ${part} in part, or NOT RUN ****`)
  return inCi && inTime
}

/** The TURN server that relays run: its tests count as failed where it is missing. */
async function installCoturn(): Promise<void> {
  if (onPath('turnserver') === null) await installDebianPackages(['coturn'])
}

function announce(title: string): void {
  console.log(`\n— ${title}, after ${(performance.now() / 60_000).toFixed(1)} min`)
}

/** A program that is one test: it passes when it ends with 0. */
async function check(title: string, command: [string, ...string[]]): Promise<void> {
  announce(title)
  const { code } = await run(command, { show: true, timeoutMs: PROGRAM_TIMEOUT_MS })
  add(title, code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })
}

async function vitest(project: string, files: string[] = []): Promise<void> {
  announce(project)
  const report = join(reports, `${project}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const command = ['vitest', 'run', '--project', project, ...reporters, ...files] as const
  const { code } = await run(command, { show: true })
  const { numTotalTests, numPassedTests, testResults } = await readReport<VitestReport>(report, {
    numTotalTests: 0,
    numPassedTests: 0,
    testResults: [],
  })
  settle(project, numPassedTests, numTotalTests - numPassedTests, code)
  for (const { fullName, status, failureMessages } of testResults.flatMap(
    (file) => file.assertionResults,
  )) {
    if (status !== 'passed') name(fullName, failureMessages[0])
  }
}

/** @param hosts where the node lives; by default in both */
async function playwright(hosts: string[] = []): Promise<void> {
  announce('e2e')
  await installChromiumShell()
  const report = join(reports, 'e2e.json')
  const projects = hosts.map((host) => `--project=${host}`)
  const { code } = await run(['playwright', 'test', '--reporter=list,json', ...projects], {
    show: true,
    env: { PLAYWRIGHT_JSON_OUTPUT_NAME: report },
  })
  const { stats, suites } = await readReport<PlaywrightReport>(report, {
    stats: { expected: 0, unexpected: 0, flaky: 0, skipped: 0 },
    suites: [],
  })
  settle('e2e', stats.expected, stats.unexpected + stats.flaky + stats.skipped, code)
  for (const { title, tests } of suites.flatMap(specsOf)) {
    for (const { projectName, status, results } of tests) {
      if (status !== 'expected') name(`[${projectName}] ${title}`, results[0]?.error?.message)
    }
  }
}

function specsOf({ specs, suites = [] }: PlaywrightSuite): PlaywrightSpec[] {
  return [...specs, ...suites.flatMap(specsOf)]
}

/** A test that did not pass, and the first line of why. */
function name(title: string, message = 'did not run'): void {
  remarks.push(`  ${title}: ${stripVTControlCharacters(message).split('\n', 1)[0]}`)
}

/** What a runner counted, held against how it ended: it may fail for a reason that no test stands for. */
function settle(title: string, passed: number, failed: number, code: number): void {
  const silent = failed === 0 && (code !== 0 || passed === 0)
  if (silent) remarks.push(`${title}: ${passed === 0 ? 'no test ran' : 'failed outside its tests'}`)
  add(title, { passed, failed: silent ? 1 : failed })
}

function add(title: string, { passed, failed }: Tally): void {
  total.passed += passed
  total.failed += failed
  if (failed > 0) remarks.push(`${title}: ${failed} not passed`)
}

async function readReport<T>(file: string, none: T): Promise<T> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T
  } catch {
    // The runner ended before it could write; its exit code says so too.
    return none
  }
}

/** What is not here: a failure where all are promised, elsewhere a remark. */
function absent(title: string, install: string): void {
  remarks.push(`${title} did not run: install ${install}`)
  if (inCi) total.failed += 1
}

async function betweenBrowsers(): Promise<void> {
  await installOtherBrowsers()
  const files: string[] = []
  if (findFirefox() === null) absent('Chromium ↔ Firefox', 'firefox-esr')
  else files.push('tests/browsers/firefox.test.ts')
  if (findWebKit() === null) absent('Chromium ↔ WebKit', 'webkit2gtk-driver and xvfb')
  else files.push('tests/browsers/webkit.test.ts')
  if (files.length > 0) await vitest('browsers', files)
}

async function inDatabase(): Promise<void> {
  await installPostgres()
  if (findPostgres() === null) absent('Mailboxes in PostgreSQL', 'postgresql')
  else await vitest('database')
}

/** Some of the pairs of NATs; where the system allows no network namespaces it is said, and not counted. */
async function behindNats(): Promise<void> {
  const title = 'two browsers behind NATs'
  announce(title)
  const { code } = await run(['node', 'tests/nat/main.ts'], { show: true })
  if (code === NAT_NOT_RUN) remarks.push(`**** ${title}: NOT RUN, no network namespaces here ****`)
  else add(title, code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 })
}

async function kill(rounds: number, flags: string[] = []): Promise<void> {
  const title = [`kill, ${rounds} rounds`, ...flags].join(' ')
  await check(title, ['node', 'tests/kill/main.ts', '--rounds', String(rounds), ...flags])
}

console.log(`Node ${process.version}, ${await ensureChromium()}`)
await check('build', ['vite', 'build'])
await check('size of the bundles', ['size-limit'])
await check('two builds are the same', ['node', 'scripts/reproduce.ts'])
await vitest('unit')
await installCoturn()
await vitest('integration')
const swarm = ['node', 'tests/simulation/swarm/main.ts'] as const
const simulatesWhole = isWhole('simulations')
await check('simulation', [
  'node',
  'tests/simulation/main.ts',
  '--seeds',
  simulatesWhole ? '500' : '40',
])
await check('swarms', [...swarm, '--seeds', simulatesWhole ? '25' : '10'])
await check('one to many', [...swarm, '--fluid', simulatesWhole ? '50' : '10'])
if (simulatesWhole) {
  await check('planted bugs', ['node', 'tests/simulation/bugs.ts', '--every', '11'])
}
const inputs = isWhole('fuzzing') ? '100000' : '5000'
await check('hostile input', ['node', 'tests/fuzz/main.ts', '--inputs', inputs])
await inDatabase()
await playwright(isWhole('hosts in a tab') || !inCi ? [] : ['shared-worker'])
await betweenBrowsers()
if (inCi) await behindNats()
if (isWhole('bench') || !inCi) {
  await check('bench, one round', ['node', 'tests/bench/main.ts', '--json', '--smoke'])
}
if (isWhole('crowd')) {
  const crowd = ['--slowloris', '500', '--readers', '100']
  await check('a crowd that misuses a relay', ['node', 'tests/abuse/main.ts', ...crowd])
}
if (inCi) {
  await kill(isWhole('kills') ? 50 : 10)
  if (findPostgres() !== null) await kill(10, ['--postgres'])
  const minutes = String(isWhole('soak') ? SOAK_MINUTES.whole : SOAK_MINUTES.least)
  await check(`soak, ${minutes} minutes`, ['node', 'tests/soak/main.ts', '--minutes', minutes])
}
await rm(reports, { recursive: true })

for (const remark of remarks) console.log(remark)
if (total.failed > 0 || total.passed === 0) process.exitCode = 1
console.log(`${total.passed} passed, ${total.failed} failed`)
