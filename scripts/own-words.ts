import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const FOLDER = fileURLToPath(new URL('../src/lib/i18n/generated/messages/', import.meta.url))
const IMPORT = /import \{ m \} from (['"])[^'"]*\/generated\/messages\.js\1/
const WORDS = 'virtual:words/'

/**
 * Gives each file of a build only the messages it says. They are imported from one file that names them all, and a
 * bundler puts everything such a file reaches into the first chunk: the first paint would wait for the words of
 * every screen.
 */
export function ownWords(): Plugin {
  return {
    name: 'own-words',
    apply: 'build',
    transform: {
      filter: { code: IMPORT },
      handler(code) {
        const names = [...code.matchAll(/\bm\.(\w+)/g)]
          .map(([, name]) => name!)
          .filter((name) => existsSync(`${FOLDER}${name}.js`))
        const words = [...new Set(names)].sort().join(',')
        // As many lines as before, so the source map stays right.
        return { code: code.replace(IMPORT, `import * as m from '${WORDS}${words}'`), map: null }
      },
    },
    resolveId: {
      filter: { id: new RegExp(`^${WORDS}`) },
      handler: (id) => ({ id: `\0${id}`, moduleSideEffects: false }),
    },
    load: {
      filter: { id: new RegExp(WORDS) },
      handler: (id) =>
        id
          .slice(id.indexOf(WORDS) + WORDS.length)
          .split(',')
          .map((name) => `export { ${name} } from ${JSON.stringify(`${FOLDER}${name}.js`)}`)
          .join('\n'),
    },
  }
}
