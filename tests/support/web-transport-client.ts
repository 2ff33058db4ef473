import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright'
import { build, type Rolldown } from 'vite'
import type { Relay } from './relay.ts'

const ENTRY = fileURLToPath(new URL('../fixtures/web-transport-client/main.ts', import.meta.url))

let script: Promise<string> | null = null

/** Makes a page one with the stock dialer, `startClient` in it. It is one of this machine, which may connect to it. */
export async function makeWebTransportClient(page: Page, relay: Relay): Promise<void> {
  script ??= bundle()
  await page.goto(`${relay.origin}/health`)
  await page.evaluate(await script)
}

async function bundle(): Promise<string> {
  const [built] = (await build({
    configFile: false,
    logLevel: 'error',
    resolve: { alias: { '@libp2p/noise': '@chainsafe/libp2p-noise' } },
    build: {
      write: false,
      target: 'chrome120',
      lib: { entry: ENTRY, formats: ['iife'], name: 'client' },
    },
  })) as Rolldown.RolldownOutput[]
  const chunk = built!.output.find((each) => each.type === 'chunk')
  return chunk!.code
}
