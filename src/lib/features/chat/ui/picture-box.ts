/** Longest sides of a picture in a conversation, in CSS pixels. */
const MAX_WIDTH = 320
const MAX_HEIGHT = 360

/** No picture is smaller: there is room for what gets it, however long and thin it says it is. */
const MIN_SIDE = 96

/** The place of a picture in a conversation, in CSS pixels. */
export function pictureBox({ width, height }: { width: number; height: number }): {
  width: number
  height: number
} {
  const scale = Math.min(1, MAX_WIDTH / width, MAX_HEIGHT / height)
  const side = (length: number) => Math.max(MIN_SIDE, Math.round(length * scale))
  return { width: side(width), height: side(height) }
}
