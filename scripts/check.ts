/** Every check that needs no running program. `npm run check` runs all, `npm run check -- NAME…` some. */
import { availableParallelism } from 'node:os'
import { run } from './command.ts'

/** The longest first, so that the last one does not run alone. */
const tools = {
  eslint: ['eslint', '.', '--max-warnings', '0'],
  svelte: ['svelte-check', '--tsconfig', 'tsconfig.json', '--fail-on-warnings'],
  'types-page': ['tsc', '-p', 'tsconfig.json'],
  'types-worker': ['tsc', '-p', 'tsconfig.worker.json'],
  'types-node': ['tsc', '-p', 'tsconfig.node.json'],
  format: ['prettier', '--check', '.'],
  imports: [
    'depcruise',
    '--config',
    '.dependency-cruiser.js',
    'src',
    'relay-node',
    'peer-node',
    'tests',
    'scripts',
  ],
  unused: ['knip', '--no-progress'],
} satisfies Record<string, [string, ...string[]]>

type ToolName = keyof typeof tools

const names = Object.keys(tools) as ToolName[]
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !names.includes(name as ToolName))
if (unknown.length > 0) {
  console.error(`No check is called ${unknown.join(', ')}. There are: ${names.join(', ')}.`)
  process.exit(2)
}

// Components and views import their words.
const words = await run(['node', 'scripts/i18n.ts'])
if (words.code !== 0) {
  console.error(`✘ words\n${words.output}`)
  process.exit(1)
}

const waiting = asked.length > 0 ? names.filter((name) => asked.includes(name)) : [...names]
const failed: string[] = []

async function runNext(): Promise<void> {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const { code, output, elapsedMs } = await run(tools[name])
    console.log(`${code === 0 ? '✔' : '✘'} ${name} (${(elapsedMs / 1000).toFixed(1)} s)`)
    if (code !== 0) {
      failed.push(name)
      console.log(output)
    }
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, runNext))
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`)
  process.exitCode = 1
}
