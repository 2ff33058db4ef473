import type { Plugin } from 'vite'
import { VIEWER_POLICY } from '../relay-node/src/headers.ts'

/** Serves `viewer.html` in development as a relay does: the page gives nothing to a frame that has its origin. */
export function viewerApart(): Plugin {
  return {
    name: 'viewer-apart',
    apply: 'serve',
    configureServer({ middlewares }) {
      middlewares.use('/viewer.html', (_request, response, next) => {
        response.setHeader('Content-Security-Policy', VIEWER_POLICY)
        next()
      })
    },
  }
}
