import { firstScripts, nodeScripts } from './tests/bench/bundle.ts'

export default [
  {
    name: 'page: script before first paint',
    path: firstScripts('dist'),
    limit: '60 kB',
    gzip: true,
  },
  {
    name: 'node: the worker',
    path: nodeScripts('dist'),
    limit: '410 kB',
    gzip: true,
  },
]
