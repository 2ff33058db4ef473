import {
  HANDOVER_HASH,
  HANDOVER_PATH,
  MAX_HANDOVER_CHARS,
  MAX_HANDOVER_FILES,
  TAKE_HANDOVER,
  type Handover,
} from '../lib/ui/handover-messages.ts'

declare const self: ServiceWorkerGlobalScope

/** How long the page may take to start and ask, ms. */
const PATIENCE_MS = 60_000

let waiting: { handover: Handover; taken: () => void } | null = null

/** Gives what another app shared to the page that asks for it. */
export function giveHandovers(): void {
  self.addEventListener('message', ({ data, ports: [port] }: ExtendableMessageEvent) => {
    if (data !== TAKE_HANDOVER || port === undefined) return
    port.postMessage(waiting?.handover ?? null)
    waiting?.taken()
    waiting = null
  })
}

/** The answer to a request that shares something; null for all other requests. */
export function handoverAt({ request }: FetchEvent, { pathname }: URL): Promise<Response> | null {
  return request.method === 'POST' && pathname === HANDOVER_PATH ? answerTo(request) : null
}

/** Resolves when what was shared is taken, or nobody will: until then this worker must not end. */
export async function handoverTaken(): Promise<void> {
  const taken = Promise.withResolvers<undefined>()
  if (waiting === null) return
  const end = (): void => {
    taken.resolve(undefined)
  }
  waiting.taken = end
  setTimeout(end, PATIENCE_MS)
  await taken.promise
}

async function answerTo(request: Request): Promise<Response> {
  waiting = { handover: handoverIn(await request.formData()), taken: () => undefined }
  return Response.redirect(`/${HANDOVER_HASH}`, 303)
}

function handoverIn(form: FormData): Handover {
  const lines = ['title', 'text', 'url']
    .map((name) => form.get(name))
    .filter((value): value is string => typeof value === 'string' && value.trim() !== '')
  return {
    files: form
      .getAll('files')
      .filter((value) => value instanceof File)
      .slice(0, MAX_HANDOVER_FILES),
    // Some apps put the address into the text as well.
    text: [...new Set(lines)].join('\n').slice(0, MAX_HANDOVER_CHARS),
  }
}
