import { paraglideVitePlugin } from '@inlang/paraglide-js'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { buildId } from './scripts/build-id.ts'
import { checksums } from './scripts/checksums.ts'
import { i18nOptions } from './scripts/i18n.ts'
import { ownWords } from './scripts/own-words.ts'
import { viewerApart } from './scripts/viewer-apart.ts'
import { withoutWeald } from './scripts/without-weald.ts'

/** The one noise of the bundle: @libp2p/webrtc asks for it by its other name. */
const alias = { '@libp2p/noise': '@chainsafe/libp2p-noise' }

/**
 * Everything the worker's entry imports goes into a chunk of its own. Otherwise the chunks loaded later would
 * import what they share from the entry, and WebKit runs an entry again when it is imported: it keeps it under a
 * key of its own, not under its address. A second host would start in the worker and end the first.
 */
const entryApart = {
  groups: [{ name: 'node-host', tags: ['$initial' as const], test: /^(?!.*\bnode\.worker\.ts)/ }],
}

export default defineConfig(({ command }) => ({
  define: { __BUILD_ID__: JSON.stringify(command === 'build' ? buildId() : 'dev') },
  resolve: { alias },
  plugins: [
    paraglideVitePlugin(i18nOptions),
    tailwindcss(),
    svelte(),
    ownWords(),
    viewerApart(),
    VitePWA({
      strategies: 'injectManifest',
      srcDir: 'src/workers',
      filename: 'service-worker.ts',
      // Registered by src/lib/client/service-worker.ts, through the Trusted Types policy.
      injectRegister: false,
      // public/manifest.webmanifest is written by hand.
      manifest: false,
      injectManifest: {
        globPatterns: ['**/*.{html,js,css,woff2,svg,png,webmanifest}'],
        globIgnores: ['screenshots/**'],
        maximumFileSizeToCacheInBytes: 4 * 1024 * 1024,
        sourcemap: true,
      },
    }),
    checksums(),
  ],
  worker: {
    format: 'es',
    plugins: () => [withoutWeald()],
    rolldownOptions: { output: { codeSplitting: entryApart } },
  },
  // For `npm run dev`: the worker's packages are found with the page's, not at the first visit.
  optimizeDeps: { entries: ['index.html', 'src/workers/node.worker.ts', 'src/lib/p2p/index.ts'] },
  build: {
    target: ['chrome120', 'firefox128', 'safari17'],
    sourcemap: true,
    // Inlined assets would need `data:` in the Content Security Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
}))
