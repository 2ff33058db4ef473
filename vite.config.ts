import { paraglideVitePlugin } from '@inlang/paraglide-js'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import tailwindcss from '@tailwindcss/vite'
import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'
import { buildId } from './scripts/build-id.ts'
import { i18nOptions } from './scripts/i18n.ts'
import { ownWords } from './scripts/own-words.ts'

/** The one noise of the bundle: @libp2p/webrtc asks for it by its other name. */
const alias = { '@libp2p/noise': '@chainsafe/libp2p-noise' }

export default defineConfig(({ command }) => ({
  define: { __BUILD_ID__: JSON.stringify(command === 'build' ? buildId() : 'dev') },
  resolve: { alias },
  plugins: [
    paraglideVitePlugin(i18nOptions),
    tailwindcss(),
    svelte(),
    ownWords(),
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
  ],
  worker: { format: 'es' },
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
