/** Why there is no picture, by what `getUserMedia` says (https://www.w3.org/TR/mediacapture-streams/, 10.2). */
export type CameraProblem = 'refused' | 'missing' | 'busy' | 'insecure'

/** How long to rest between two looks at the picture: a phone stays cool, and nobody notices. */
const PAUSE_MS = 100

/** The camera while somebody is scanning. `stop` turns its light off. */
export class CameraView {
  state = $state.raw<'off' | 'starting' | 'on'>('off')
  problem = $state.raw<CameraProblem | null>(null)
  #stream: MediaStream | null = null
  #run = 0

  /**
   * Shows the camera in `video` and gives each frame to `look` until that returns true.
   * What goes wrong is told by `problem`.
   */
  async start(
    video: HTMLVideoElement,
    look: (video: HTMLVideoElement) => Promise<boolean>,
  ): Promise<void> {
    this.stop()
    const run = this.#run
    this.problem = null
    if (!isSecureContext) {
      this.problem = 'insecure'
      return
    }
    this.state = 'starting'
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 1280 } },
      })
      if (run !== this.#run) {
        release(stream)
        return
      }
      this.#stream = stream
      video.srcObject = stream
      await video.play()
    } catch (error) {
      if (run !== this.#run) return
      this.stop()
      this.problem = problemOf(error)
      return
    }
    if (run !== this.#run) return
    this.state = 'on'
    while (run === this.#run) {
      if (await look(video)) {
        if (run === this.#run) this.stop()
        return
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** Turns the camera off; also before it came on. */
  stop(): void {
    this.#run += 1
    if (this.#stream) release(this.#stream)
    this.#stream = null
    this.state = 'off'
  }
}

function release(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop()
}

function problemOf(error: unknown): CameraProblem {
  switch (error instanceof Error ? error.name : '') {
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing'
    case 'NotReadableError':
    case 'AbortError':
      return 'busy'
    default:
      return 'refused'
  }
}
