import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { build } from 'vite'

const PAGE = join(import.meta.dirname, 'page')
const BUILT = join(import.meta.dirname, '../../node_modules/.cache/starling-bench')
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

/** Builds the bench's page and serves it on localhost, where it is a secure page, until `stack` ends. Gives its address. */
export async function serveBenchPage(stack: AsyncDisposableStack): Promise<string> {
  await build({ configFile: join(PAGE, 'vite.config.ts'), logLevel: 'error' })
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const file = join(BUILT, path === '/' ? 'index.html' : path)
    readFile(file).then(
      (body) => {
        response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
        response.end(body)
      },
      () => {
        response.writeHead(404).end()
      },
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return `http://localhost:${address.port}`
}
