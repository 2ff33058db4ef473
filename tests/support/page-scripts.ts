/** What runs in a page before its own scripts. Each function stands alone: it is sent as text. */

declare global {
  interface Window {
    /** Every WebRTC connection this page has made. */
    peerConnections?: RTCPeerConnection[]
    /** Every number this page has put on the app's icon, when it records them. */
    badges?: number[]
    /** What the Content Security Policy has stopped, when it is watched. */
    violations?: string[]
  }
}

/** Remembers what numbers were put on the app's icon. */
export function recordBadges(): void {
  const badges: number[] = []
  window.badges = badges
  navigator.setAppBadge = (count = 0) => {
    badges.push(count)
    return Promise.resolve()
  }
}

/** A browser without SharedWorker, such as Chrome on Android before 148. */
export function removeSharedWorker(): void {
  Reflect.deleteProperty(globalThis, 'SharedWorker')
}

/** WebRTC as where no UDP gets through and there is no TURN: no address of this device leads anywhere. */
export function dropUdp(): void {
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct: (target, [configuration = {}]: [RTCConfiguration?]) =>
      new target({ ...configuration, iceTransportPolicy: 'relay' }),
  })
}

/** Remembers the page's WebRTC connections, so that a test can ask the browser itself what flows where. */
export function recordPeerConnections(): void {
  const made: RTCPeerConnection[] = []
  window.peerConnections = made
  window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
    construct(target, args: [RTCConfiguration?]) {
      const connection = new target(...args)
      made.push(connection)
      return connection
    },
  })
}

/** Bytes of data that this page's open WebRTC connections have carried, both ways, as the browser counts them. */
export async function countDirectBytes(): Promise<{ sent: number; received: number }> {
  const total = { sent: 0, received: 0 }
  for (const connection of window.peerConnections ?? []) {
    if (connection.connectionState !== 'connected') continue
    for (const report of (await connection.getStats()).values() as Iterable<RTCStats>) {
      if (report.type !== 'data-channel') continue
      const { bytesSent = 0, bytesReceived = 0 } = report as RTCDataChannelStats
      total.sent += bytesSent
      total.received += bytesReceived
    }
  }
  return total
}

interface RTCDataChannelStats extends RTCStats {
  bytesSent?: number
  bytesReceived?: number
}

/** Takes the window away in which a person chooses where a file goes: it is downloaded then. */
export function downloadsOnly(): void {
  Reflect.deleteProperty(Window.prototype, 'showSaveFilePicker')
  Reflect.deleteProperty(window, 'showSaveFilePicker')
}

/** What is downloaded has to come from the service worker: nothing can be gathered in memory first. */
export async function streamsOnly(): Promise<void> {
  await navigator.serviceWorker.ready
  Reflect.deleteProperty(URL, 'createObjectURL')
}

/** The browser's own files stand for those a person would choose a place for, in a window no test can reach. */
export function savesIntoOwnFiles(): void {
  const own = () => navigator.storage.getDirectory()
  Object.assign(window, {
    showSaveFilePicker: async ({ suggestedName }: { suggestedName: string }) =>
      (await own()).getFileHandle(suggestedName, { create: true }),
    showDirectoryPicker: own,
  })
}

/** A folder of the browser's own stands for one a person would choose: paths with texts, or null for an empty folder. */
export async function choosesOwnFolder([name, tree]: readonly [
  string,
  Record<string, string | null>,
]): Promise<void> {
  const own = await navigator.storage.getDirectory()
  const root = await own.getDirectoryHandle(name, { create: true })
  for (const [path, text] of Object.entries(tree)) {
    const names = path.split('/')
    const last = names.pop()!
    let folder = root
    for (const each of names) folder = await folder.getDirectoryHandle(each, { create: true })
    if (text === null) {
      await folder.getDirectoryHandle(last, { create: true })
      continue
    }
    const file = await folder.getFileHandle(last, { create: true })
    const writable = await file.createWritable()
    await writable.write(text)
    await writable.close()
  }
  Object.assign(window, { showDirectoryPicker: () => Promise.resolve(root) })
}

/** How many names are in a folder that `savesIntoOwnFiles` had a page make. */
export async function namesInOwnFolder(path: string): Promise<number> {
  let folder = await navigator.storage.getDirectory()
  for (const name of path.split('/')) folder = await folder.getDirectoryHandle(name)
  return (await Array.fromAsync(folder.keys())).length
}

/** The next file that is dropped on the page stands for the one a person would choose a place for. */
export function savesIntoDropped(): void {
  const dropped = new Promise<unknown>((resolve) => {
    for (const type of ['dragenter', 'dragover', 'drop'] as const) {
      const take = (event: DragEvent): void => {
        event.preventDefault()
        // The page would share it.
        event.stopImmediatePropagation()
        if (type !== 'drop') return
        const item = event.dataTransfer!.items[0] as unknown as {
          getAsFileSystemHandle(): Promise<unknown>
        }
        resolve(item.getAsFileSystemHandle())
      }
      window.addEventListener(type, take, { capture: true })
    }
  })
  Object.assign(window, { showSaveFilePicker: () => dropped })
}

/** The SHA-256 of what `savesIntoOwnFiles` had a page write, in hex; null while it is not there. */
export async function savedInOwnFile(path: string): Promise<string | null> {
  try {
    const names = path.split('/')
    let folder = await navigator.storage.getDirectory()
    for (const name of names.slice(0, -1)) folder = await folder.getDirectoryHandle(name)
    const file = await (await folder.getFileHandle(names.at(-1)!)).getFile()
    const hash = await crypto.subtle.digest('SHA-256', await file.arrayBuffer())
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('')
  } catch {
    return null
  }
}

/** As on an iPhone: in Safari, or as the app on its Home Screen. */
export function onIphone(app: boolean): void {
  Object.defineProperty(navigator, 'standalone', { value: app })
}

/** Remembers whatever the Content Security Policy, Trusted Types included, has to stop. */
export function watchForCode(): void {
  const violations: string[] = []
  window.violations = violations
  document.addEventListener('securitypolicyviolation', (event) => {
    const { violatedDirective, sample, blockedURI } = event
    violations.push(`${violatedDirective}: ${blockedURI} ${sample}`)
  })
}

/**
 * Texts with controls of direction that could turn around words beside them: between such a text and the nearest words
 * of somebody else there must be a box, or an isolation, of its own (https://www.unicode.org/reports/tr9/).
 */
export function findMixedTexts(): string[] {
  const mixed: string[] = []
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let text = texts.nextNode(); text !== null; text = texts.nextNode()) {
    if (!/[\u202a-\u202e\u2066-\u2069]/.test(text.textContent ?? '')) continue
    let element = text.parentElement!
    for (;;) {
      const { display, unicodeBidi } = getComputedStyle(element)
      if (display !== 'inline' || /isolate|plaintext/.test(unicodeBidi)) break
      element = element.parentElement!
    }
    const words = [...element.querySelectorAll('*')].filter(
      (each) => !/isolate|plaintext/.test(getComputedStyle(each).unicodeBidi),
    )
    const others = [element, ...words].flatMap((each) =>
      [...each.childNodes].filter(
        (node) =>
          node.nodeType === Node.TEXT_NODE && node !== text && /\S/.test(node.textContent ?? ''),
      ),
    )
    // Parts of one message stand in one box: only words of the interface are told by another element around them.
    if (others.some((other) => other.parentElement !== text.parentElement)) {
      mixed.push(element.outerHTML.slice(0, 200))
    }
  }
  return mixed
}

export type ChosenPath = 'direct' | 'TURN by UDP' | 'TURN by TCP'

/** The way that the packets of this page's newest open WebRTC connection go; null when there is none. */
export async function chosenPath(): Promise<ChosenPath | null> {
  const open = (window.peerConnections ?? []).filter(
    ({ connectionState }) => connectionState === 'connected',
  )
  const report = await open.at(-1)?.getStats()
  if (report === undefined) return null
  const all = [...report.values()] as (RTCStats & Record<string, unknown>)[]
  const byId = (id: unknown) => all.find((each) => each.id === id)
  const pair = byId(all.find(({ type }) => type === 'transport')?.['selectedCandidatePairId'])
  const ends = [byId(pair?.['localCandidateId']), byId(pair?.['remoteCandidateId'])]
  const local = ends[0]
  if (pair === undefined || local === undefined) return null
  if (ends.every((end) => end?.['candidateType'] !== 'relay')) return 'direct'
  // How the other one reaches its server is not known here.
  const isUdp = local['candidateType'] !== 'relay' || local['relayProtocol'] === 'udp'
  return isUdp ? 'TURN by UDP' : 'TURN by TCP'
}
