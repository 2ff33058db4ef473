/** The same file by WebTorrent, as it comes: what ours is compared with. */
import type WebTorrent from 'webtorrent/dist/webtorrent.min.js'
import type { Torrent } from 'webtorrent/dist/webtorrent.min.js'
import { hexOf, incompressible } from './incompressible.ts'

/** A file that is seeded. */
export interface Seeded {
  /** Of WebTorrent, with its tracker: what others need to get it. */
  torrentFile: number[]
  /** Of the file, hex. */
  sha256: string
}

export class Torrents {
  #client: WebTorrent | null = null

  /** @param uploadLimit bytes a second; -1: none */
  async start(uploadLimit: number): Promise<void> {
    const { default: Client } = await import('webtorrent/dist/webtorrent.min.js')
    this.#client = new Client({ tracker: { rtcConfig: { iceServers: [] } }, uploadLimit })
  }

  /** Leaves everybody, the tracker included. */
  async stop(): Promise<void> {
    const client = this.#started
    this.#client = null
    await new Promise<void>((resolve) => {
      client.destroy(() => {
        resolve()
      })
    })
  }

  /** Seeds a file of so many bytes that no compression makes fewer. */
  async seed(tracker: string, bytes: number): Promise<Seeded> {
    const file = incompressible(bytes)
    const { torrentFile } = await new Promise<Torrent>((resolve) =>
      this.#started.seed(new File([file], 'file'), { announce: [tracker] }, resolve),
    )
    const hash = await crypto.subtle.digest('SHA-256', file)
    return { torrentFile: [...torrentFile], sha256: hexOf(new Uint8Array(hash)) }
  }

  /** Has it from there on, as one more that seeds. */
  async keep(tracker: string, { torrentFile }: Seeded): Promise<void> {
    await this.#done(this.#started.add(Uint8Array.from(torrentFile), { announce: [tracker] }))
  }

  /** Milliseconds from the first source that is connected until all is here and verified. @throws Error when it differs */
  async get(tracker: string, { torrentFile, sha256 }: Seeded): Promise<number> {
    const torrent = this.#started.add(Uint8Array.from(torrentFile), { announce: [tracker] })
    const [startMs] = await Promise.all([
      new Promise<number>((resolve) => {
        torrent.on('wire', () => {
          resolve(performance.now())
        })
      }),
      this.#done(torrent),
    ])
    const ms = performance.now() - startMs
    const came = await crypto.subtle.digest('SHA-256', await torrent.files[0]!.arrayBuffer())
    await new Promise<void>((resolve) => {
      torrent.destroy({ destroyStore: true }, resolve)
    })
    if (hexOf(new Uint8Array(came)) !== sha256) throw new Error('WebTorrent got something else')
    return ms
  }

  get #started(): WebTorrent {
    if (this.#client === null) throw new Error('no client was started')
    return this.#client
  }

  #done(torrent: Torrent): Promise<void> {
    return new Promise((resolve, reject) => {
      torrent.on('done', resolve)
      torrent.on('error', reject)
    })
  }
}
