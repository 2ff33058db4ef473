/**
 * Reads QR codes from pictures and camera frames: by the browser's own detector where it has one (Shape Detection
 * API, https://wicg.github.io/shape-detection-api/), else by the `qr` package, loaded when first needed.
 */

/** A picture larger than this is not opened: a photo of a phone takes 3–12 MB. */
export const MAX_PICTURE_BYTES = 25 * 1024 * 1024

/** Longer edges a picture is tried at. Small codes in large photos need the first, blurred ones often the second. */
const PICTURE_EDGES_PX = [2048, 1024, 512]

/** Longer edge a camera frame is looked at with, and how long one look may take. */
const FRAME_EDGE_PX = 800
const FRAME_TIME_MS = 60
const PICTURE_TIME_MS = 1500

/** The file is no picture this browser can open. */
export class UnreadablePictureError extends Error {
  override readonly name = 'UnreadablePictureError'
}

/** The file is larger than MAX_PICTURE_BYTES. */
export class PictureTooLargeError extends Error {
  override readonly name = 'PictureTooLargeError'
}

/** The part of BarcodeDetector that is used here; TypeScript's DOM types do not know it yet. */
interface Detector {
  detect(image: ImageBitmap | HTMLVideoElement): Promise<{ rawValue: string }[]>
}
interface DetectorConstructor {
  new (options: { formats: string[] }): Detector
  getSupportedFormats(): Promise<string[]>
}

export class QrReader {
  #detector: Promise<Detector | null> | null = null
  readonly #canvas = document.createElement('canvas')

  /**
   * The text of the code in a picture, or null when none is found.
   * @throws PictureTooLargeError, UnreadablePictureError
   */
  async readPicture(file: Blob): Promise<string | null> {
    if (file.size > MAX_PICTURE_BYTES) throw new PictureTooLargeError()
    let bitmap: ImageBitmap
    try {
      bitmap = await createImageBitmap(file)
    } catch (cause) {
      throw new UnreadablePictureError('not a picture', { cause })
    }
    try {
      const native = await this.#detect(bitmap)
      if (native !== null) return native
      for (const edgePx of PICTURE_EDGES_PX) {
        const text = await this.#decode(
          bitmap,
          bitmap.width,
          bitmap.height,
          edgePx,
          PICTURE_TIME_MS,
        )
        if (text !== null) return text
      }
      return null
    } finally {
      bitmap.close()
    }
  }

  /** The text of the code a playing video shows now, or null. */
  async readFrame(video: HTMLVideoElement): Promise<string | null> {
    if (video.videoWidth === 0) return null
    return (
      (await this.#detect(video)) ??
      (await this.#decode(video, video.videoWidth, video.videoHeight, FRAME_EDGE_PX, FRAME_TIME_MS))
    )
  }

  async #detect(image: ImageBitmap | HTMLVideoElement): Promise<string | null> {
    this.#detector ??= makeDetector()
    const detector = await this.#detector
    if (!detector) return null
    try {
      return (await detector.detect(image))[0]?.rawValue ?? null
    } catch {
      // The service behind it may be missing (Chromium on Linux) or busy: the other reader takes over.
      return null
    }
  }

  async #decode(
    image: CanvasImageSource,
    width: number,
    height: number,
    edgePx: number,
    timeLimit: number,
  ): Promise<string | null> {
    const scale = Math.min(1, edgePx / Math.max(width, height))
    const size = {
      width: Math.max(1, Math.round(width * scale)),
      height: Math.max(1, Math.round(height * scale)),
    }
    Object.assign(this.#canvas, size)
    const context = this.#canvas.getContext('2d', { willReadFrequently: true })
    if (!context) return null
    // A see-through picture is meant to lie on paper.
    context.fillStyle = '#fff'
    context.fillRect(0, 0, size.width, size.height)
    context.drawImage(image, 0, 0, size.width, size.height)
    const { data } = context.getImageData(0, 0, size.width, size.height)
    const { decodeQR } = await import('qr/decode.js')
    try {
      return decodeQR({ ...size, data }, { timeLimit })
    } catch {
      // It throws where there is no code, which is what most frames are.
      return null
    }
  }
}

async function makeDetector(): Promise<Detector | null> {
  const { BarcodeDetector } = globalThis as { BarcodeDetector?: DetectorConstructor }
  if (!BarcodeDetector) return null
  try {
    const formats = await BarcodeDetector.getSupportedFormats()
    return formats.includes('qr_code') ? new BarcodeDetector({ formats: ['qr_code'] }) : null
  } catch {
    // Named by the browser but not working on this system.
    return null
  }
}
