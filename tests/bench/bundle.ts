/** Which files of a build a browser fetches at what time. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/** Script that the browser loads for the first paint: the entry and everything it imports statically. */
export function firstScripts(dist: string): string[] {
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  const loaded = html.matchAll(/<(?:script|link)\b[^>]*\b(?:src|href)="\/([^"]+\.js)"/g)
  const entries = Array.from(loaded, ([, path]) => join(dist, path!))
  return closure(entries, /\b(?:from|import)\s*["'`](\.{1,2}\/[^"'`]+\.js)["'`]/g)
}

/** Script of the node host in its worker, with what it loads later. */
export function nodeScripts(dist: string): string[] {
  const entries = globSync(join(dist, 'assets/node.worker-*.js'))
  return closure(entries, /\b(?:from|import)\s*\(?\s*["'`](\.{1,2}\/[^"'`]+\.js)["'`]/g)
}

/** These files and all they lead to. @throws Error when there are none: the build has changed its names. */
function closure(entries: readonly string[], imports: RegExp): string[] {
  if (entries.length === 0) throw new Error('the build has no such entry')
  const found = new Set<string>()
  const queue = [...entries]
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (found.has(file)) continue
    found.add(file)
    for (const [, path] of readFileSync(file, 'utf8').matchAll(imports)) {
      queue.push(join(dirname(file), path!))
    }
  }
  return [...found].map((file) => relative('', file))
}
