/** What the bench uses of WebTorrent (https://github.com/webtorrent/webtorrent/blob/master/docs/api.md). */
declare module 'webtorrent/dist/webtorrent.min.js' {
  export interface Torrent {
    readonly torrentFile: Uint8Array
    readonly files: readonly { arrayBuffer(): Promise<ArrayBuffer> }[]
    on(event: 'wire' | 'done', listener: () => void): void
    on(event: 'error', listener: (error: Error) => void): void
    destroy(options: { destroyStore: boolean }, done: () => void): void
  }

  export default class WebTorrent {
    constructor(options: { tracker: { rtcConfig: RTCConfiguration }; uploadLimit: number })
    destroy(done: () => void): void
    seed(file: File, options: { announce: string[] }, seeding: (torrent: Torrent) => void): Torrent
    add(torrentFile: Uint8Array, options: { announce: string[] }): Torrent
  }
}

declare module 'bittorrent-tracker/server' {
  import type { EventEmitter } from 'node:events'
  import type { Server as HttpServer } from 'node:http'

  /** https://github.com/webtorrent/bittorrent-tracker, server. */
  export default class Server extends EventEmitter {
    constructor(options: { udp: boolean; http: boolean; ws: boolean; stats: boolean })
    readonly http: HttpServer
    listen(port: number, host: string, listening: () => void): void
    close(closed: () => void): void
  }
}
