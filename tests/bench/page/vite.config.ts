import { resolve } from 'node:path'
import { defineConfig } from 'vite'

/** The bench's page: the product's node and bridge, without its screens and storage. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  define: { __BUILD_ID__: JSON.stringify('bench') },
  resolve: { alias: { '@libp2p/noise': '@chainsafe/libp2p-noise' } },
  worker: { format: 'es' },
  build: {
    target: 'chrome120',
    outDir: resolve(import.meta.dirname, '../../../node_modules/.cache/starling-bench'),
    emptyOutDir: true,
  },
})
