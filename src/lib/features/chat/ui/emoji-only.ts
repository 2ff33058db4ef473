/** Up to this many emoji alone are shown large. */
export const MAX_LARGE_EMOJI = 3

/** `RGI_Emoji` knows whole sequences (flags, families, skin tones): Unicode Technical Standard 51, ED-27. */
const EMOJI_ONLY = new RegExp(`^(?:\\p{RGI_Emoji}\\s*){1,${MAX_LARGE_EMOJI}}$`, 'v')

/** Whether a message is nothing but one to three emoji. */
export function isEmojiOnly(text: string): boolean {
  // The longest sequences take some 35 code units; a long text cannot match and is not tried.
  return text.length <= MAX_LARGE_EMOJI * 40 && EMOJI_ONLY.test(text.trim())
}
