import { defineConfig } from '@playwright/test'
import { findChromium } from './scripts/browser.ts'
import type { HostOption } from './tests/e2e/fixtures.ts'

const executablePath = findChromium()

export default defineConfig<HostOption>({
  testDir: 'tests/e2e',
  outputDir: 'test-results',
  forbidOnly: true,
  retries: 0,
  workers: 2,
  timeout: 60_000,
  // What the slowest honest step may take: a cold start with a reservation, or a dial that has to fail first.
  expect: { timeout: 15_000 },
  use: {
    actionTimeout: 15_000,
    locale: 'en-GB',
    // Nothing here looks at what moves, and drawing it without a graphics card takes a third of the time.
    contextOptions: { reducedMotion: 'reduce' },
    // To record takes nearly as long again as the tests: `--trace retain-on-failure` to look into one.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: {
      args: ['--no-sandbox'],
      ...(executablePath === null ? {} : { executablePath }),
    },
  },
  // Where the node lives must make no difference to anyone: what could show where it lives runs once for each
  // place; what only a screen and the slices do is the same code in both.
  projects: [
    { name: 'shared-worker', use: { host: 'shared' } },
    {
      name: 'elected-tab',
      use: { host: 'elected' },
      testMatch:
        /(app|mailbox|meeting|network|notifications|relay|tabs|vault|vault-on-disk)\.spec\.ts$/,
    },
  ],
})
