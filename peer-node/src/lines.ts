const NEWLINE = 0x0a

/**
 * The lines of `input`, without their ends; null stands for one of more than `maxBytes`, which is dropped as it comes.
 * Empty lines are left out.
 */
export async function* linesOf(
  input: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncIterable<string | null> {
  let held: Uint8Array[] = []
  let heldBytes = 0

  const hold = (bytes: Uint8Array): void => {
    heldBytes += bytes.byteLength
    if (heldBytes <= maxBytes) held.push(bytes)
    else held = []
  }
  const take = (): string | null => {
    const line = heldBytes > maxBytes ? null : Buffer.concat(held).toString('utf8').trim()
    held = []
    heldBytes = 0
    return line
  }

  for await (const chunk of input) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      hold(chunk.subarray(start, end))
      start = end + 1
      const line = take()
      if (line !== '') yield line
    }
    hold(chunk.subarray(start))
  }
  const last = take()
  if (last !== '') yield last
}
