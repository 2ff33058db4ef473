import { defineConfig } from '@playwright/test'
import type { HostOption } from './tests/e2e/fixtures.ts'
import { chromiumShell } from './tests/support/chromium.ts'

export default defineConfig<HostOption>({
  testDir: 'tests/e2e',
  outputDir: 'test-results',
  forbidOnly: true,
  retries: 0,
  workers: 2,
  // On two slow cores that two browsers and a relay share: three people who meet take a minute there.
  timeout: 180_000,
  // What the slowest honest step may take: a cold start with a reservation, or a dial that has to fail first.
  expect: { timeout: 45_000 },
  use: {
    actionTimeout: 45_000,
    locale: 'en-GB',
    // Nothing here looks at what moves, and drawing it without a graphics card takes a third of the time.
    contextOptions: { reducedMotion: 'reduce' },
    // To record takes nearly as long again as the tests: `--trace retain-on-failure` to look into one.
    trace: 'off',
    screenshot: 'only-on-failure',
    launchOptions: chromiumShell(),
  },
  // Where the node lives must make no difference to anyone: what could show where it lives runs once for each
  // place; what only a screen and the slices do is the same code in both.
  projects: [
    { name: 'shared-worker', use: { host: 'shared' } },
    {
      name: 'elected-tab',
      use: { host: 'elected' },
      testMatch: /(app|mailbox|notifications|relay|tabs|vault|vault-on-disk)\.spec\.ts$/,
    },
  ],
})
