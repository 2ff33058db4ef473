import { existsSync } from 'node:fs'
import type { Server } from 'node:http'
import { join, sep } from 'node:path'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  CACHE_FOREVER,
  CACHE_NEVER,
  CACHE_REVALIDATE,
  SECURITY_HEADERS,
  VIEWER_POLICY,
} from './headers.ts'
import { MAX_BODY_BYTES } from './limits.ts'
import { isOneOf, type RemoteOf } from './remote.ts'

/** What `/api/bootstrap` answers: how to reach this relay now. */
export interface Bootstrap {
  peerId: PeerIdString
  /** Multiaddrs, each with the peer id. */
  addresses: string[]
  operator: string | null
}

export interface HttpComponents {
  server: Server
  registry: Registry
  /** Asked at each request: addresses change. `null` until the relay is up. */
  bootstrap(): Bootstrap | null
  remoteOf: RemoteOf
  /** Routes beside these, with their own rules. */
  mailboxes: (app: FastifyInstance) => void
  /** libp2p over plain HTTP, the same way. */
  connect: (app: FastifyInstance) => void
  /** Help for peers that cannot reach each other, the same way. */
  assist: (app: FastifyInstance) => void
}

export interface HttpInit {
  /** Folder of the built app; `null`: none is served. */
  appFolder: string | null
  /** Who may read `/metrics`, as `isOneOf` takes them: they tell how many people are here, and when. */
  metricsFrom: readonly string[]
}

/** Routes of the relay's HTTP on `server`, which the caller listens with and closes. */
export async function httpRoutes(
  components: HttpComponents,
  init: HttpInit,
): Promise<FastifyInstance> {
  const app = Fastify({
    serverFactory: (handler) => components.server.on('request', handler),
    bodyLimit: MAX_BODY_BYTES,
    // The relay logs connections, not pages.
    logger: false,
    // Fastify answers these before any hook.
    frameworkErrors: (error, _request, reply: FastifyReply) => {
      reply.headers(SECURITY_HEADERS).header('Cache-Control', CACHE_NEVER)
      reply.code(error.statusCode ?? 400).send({ error: 'not a request' })
    },
  })
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers(SECURITY_HEADERS)
  })
  app.get('/health', async (_request, reply) => {
    reply.header('Cache-Control', CACHE_NEVER)
    const ok = components.bootstrap() !== null
    return reply.code(ok ? 200 : 503).send({ ok })
  })
  app.get('/api/bootstrap', async (_request, reply) => {
    reply.header('Cache-Control', CACHE_NEVER)
    const bootstrap = components.bootstrap()
    if (bootstrap === null) return reply.code(503).send({ error: 'starting' })
    return reply.send(bootstrap)
  })
  const mayReadMetrics = isOneOf(init.metricsFrom)
  app.get('/metrics', async ({ raw }, reply) => {
    reply.header('Cache-Control', CACHE_NEVER)
    const { address, byUnknownProxy } = components.remoteOf(raw)
    if (byUnknownProxy || !mayReadMetrics(address)) {
      return reply.code(403).send({ error: 'not for this address: --metrics-from' })
    }
    return reply.type(components.registry.contentType).send(await components.registry.metrics())
  })
  for (const routes of [components.mailboxes, components.connect, components.assist]) {
    await app.register((scope, _options, done) => {
      routes(scope)
      done()
    })
  }
  app.setNotFoundHandler((request, reply) => {
    // A screen's own address, opened or reloaded: the app finds the screen.
    if (init.appFolder !== null && wantsPage(request)) return reply.sendFile('index.html')
    return reply.code(404).header('Cache-Control', CACHE_NEVER).send({ error: 'not found' })
  })
  if (init.appFolder === null) {
    app.get('/', async (_request, reply) => {
      reply.header('Cache-Control', CACHE_NEVER).type('text/plain')
      return 'A Starling relay. It serves no app.\n'
    })
  } else {
    await serveApp(app, init.appFolder)
  }
  await app.ready()
  return app
}

/** Whether there is a built app in this folder. */
export function hasApp(folder: string): boolean {
  return existsSync(join(folder, 'index.html'))
}

async function serveApp(app: FastifyInstance, folder: string): Promise<void> {
  const hashed = join(folder, 'assets') + sep
  const viewer = join(folder, 'viewer.html')
  await app.register(fastifyStatic, {
    root: folder,
    cacheControl: false,
    setHeaders(response, path) {
      const cache = path.startsWith(hashed) ? CACHE_FOREVER : CACHE_REVALIDATE
      response.header('Cache-Control', cache)
      if (path === viewer) response.header('Content-Security-Policy', VIEWER_POLICY)
    },
  })
}

function wantsPage({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true
}
