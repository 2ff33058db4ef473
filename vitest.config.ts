import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  define: { __BUILD_ID__: JSON.stringify('test') },
  test: {
    passWithNoTests: false,
    allowOnly: false,
    retry: 0,
    // Whatever is waited for may take as long as the machine does: its own second fails tests on one that is busy.
    expect: { poll: { timeout: 25_000 } },
    projects: [
      {
        // For views: their runes are compiled.
        plugins: [svelte({ configFile: false })],
        extends: true,
        test: {
          name: 'unit',
          maxWorkers: 2,
          // Files share two workers, which takes half the time: each puts back what it stubs.
          isolate: false,
          include: ['tests/unit/**/*.test.ts'],
          environment: 'node',
          // Ends a test that hangs; how fast one is, no test says.
          testTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['tests/integration/**/*.test.ts'],
          environment: 'node',
          // Real nodes, sockets and processes: a test's time is the machine's, and files share two cores.
          testTimeout: 90_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
      {
        extends: true,
        test: {
          name: 'database',
          include: ['tests/database/**/*.test.ts'],
          environment: 'node',
          // Each starts a PostgreSQL.
          testTimeout: 90_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: 'browsers',
          include: ['tests/browsers/**/*.test.ts'],
          environment: 'node',
          // Each starts two browsers and a relay.
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
