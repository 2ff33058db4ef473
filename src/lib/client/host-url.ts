import url from '../../workers/node.worker.ts?worker&url'
import { scriptUrl } from './trusted-scripts.ts'

/** The node host's script: one file for either kind of worker, so that only one is kept for offline. */
export const hostUrl = scriptUrl(url)
