/**
 * Makes what is sent of a picture. A photograph tells where and with what it was taken; drawn anew it tells nothing but
 * what it shows.
 */
import { plainType } from '../../../ui/safe-media.ts'
import { MAX_SIDE_PX, MAX_THUMBNAIL_BYTES, type Look } from '../api.ts'

/** Longest side of what is sent, in pixels: sharp on any screen. */
export const MAX_SENT_SIDE_PX = 2_560

/** Longest side of what stands for it until it is here. */
const THUMBNAIL_SIDE_PX = 40

const QUALITY = 0.85

/** Others are not decoded by every browser, or are none that are drawn. */
const PICTURES = ['image/avif', 'image/bmp', 'image/gif', 'image/jpeg', 'image/png', 'image/webp']

export interface MadePicture {
  file: Blob
  name: string
  look: Look
}

/** Whether a file can be sent as a picture, as far as its type tells. */
export function isPicture({ type }: Blob): boolean {
  return PICTURES.includes(plainType(type))
}

/** @throws DOMException when this browser cannot decode it */
export async function makePicture(file: Blob, name: string): Promise<MadePicture> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' })
  try {
    const { width, height } = fit(bitmap, MAX_SENT_SIDE_PX)
    const look: Look = {
      ...{ kind: 'picture', width, height },
      thumbnail: await thumbnailOf(bitmap),
    }
    // Drawn anew it would stand still.
    if (plainType(file.type) === 'image/gif') {
      const { width, height } = fit(bitmap, MAX_SIDE_PX)
      return { file, name, look: { ...look, width, height } }
    }
    const wanted = plainType(file.type) === 'image/jpeg' ? 'image/jpeg' : 'image/webp'
    const drawn = await draw(bitmap, { width, height }, wanted, QUALITY)
    return { file: drawn, name: renamed(name, drawn.type), look }
  } finally {
    bitmap.close()
  }
}

async function thumbnailOf(bitmap: ImageBitmap): Promise<Uint8Array> {
  const drawn = await draw(bitmap, fit(bitmap, THUMBNAIL_SIDE_PX), 'image/webp', 0.5)
  return drawn.size > MAX_THUMBNAIL_BYTES
    ? new Uint8Array()
    : new Uint8Array(await drawn.arrayBuffer())
}

/** As JPEG where the browser does not write what is wanted. */
async function draw(
  bitmap: ImageBitmap,
  { width, height }: { width: number; height: number },
  type: string,
  quality: number,
): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d')!
  context.imageSmoothingQuality = 'high'
  context.drawImage(bitmap, 0, 0, width, height)
  const drawn = await canvas.convertToBlob({ type, quality })
  if (drawn.type === type) return drawn
  context.globalCompositeOperation = 'destination-over'
  context.fillStyle = 'white'
  context.fillRect(0, 0, width, height)
  return canvas.convertToBlob({ type: 'image/jpeg', quality })
}

/** The same form with no side longer than this. */
function fit({ width, height }: { width: number; height: number }, side: number) {
  const scale = Math.min(1, side / Math.max(width, height))
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  }
}

/** With the ending of what it is now. */
function renamed(name: string, type: string): string {
  const dot = name.lastIndexOf('.')
  return `${dot > 0 ? name.slice(0, dot) : name}.${type === 'image/webp' ? 'webp' : 'jpg'}`
}
