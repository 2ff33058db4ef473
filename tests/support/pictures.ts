import type { Page } from 'playwright'

/** Exif's first tags: where a photograph was taken stands behind them. */
const EXIF = Buffer.concat([
  Buffer.from([0xff, 0xe1, 0x00, 0x10]),
  Buffer.from('Exif\0\0MM\0*\0\0\0\b', 'latin1'),
])

/** A photograph as a telephone takes it: a JPEG that has Exif. */
export async function picture(
  page: Page,
  size: { width: number; height: number },
): Promise<Buffer> {
  const bytes = await page.evaluate(async ({ width, height }) => {
    const canvas = new OffscreenCanvas(width, height)
    const context = canvas.getContext('2d')!
    const colours = context.createLinearGradient(0, 0, width, height)
    colours.addColorStop(0, 'teal')
    colours.addColorStop(1, 'gold')
    context.fillStyle = colours
    context.fillRect(0, 0, width, height)
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.9 })
    return [...new Uint8Array(await blob.arrayBuffer())]
  }, size)
  const plain = Buffer.from(bytes)
  return Buffer.concat([plain.subarray(0, 2), EXIF, plain.subarray(2)])
}

/** Whether bytes of a picture have Exif. */
export function takenWhere(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).includes(Buffer.from('Exif\0\0', 'latin1'))
}
