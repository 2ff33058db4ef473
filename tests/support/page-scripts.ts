/** What runs in a page before its own scripts. Each function stands alone: it is sent as text. */

declare global {
  interface Window {
    /** Every WebRTC connection this page has made. */
    peerConnections?: RTCPeerConnection[]
    /** Every number this page has put on the app's icon, when it records them. */
    badges?: number[]
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

/** As on an iPhone: in Safari, or as the app on its Home Screen. */
export function onIphone(app: boolean): void {
  Object.defineProperty(navigator, 'standalone', { value: app })
}
