/**
 * Reads the files of a LevelDB, also what was overwritten or deleted and is still in them. After
 * https://github.com/google/leveldb/blob/main/doc/table_format.md, log_format.md, and
 * https://github.com/google/snappy/blob/main/format_description.txt.
 */
const BLOCK_BYTES = 32 * 1024
const RECORD_HEADER_BYTES = 7
const FOOTER_BYTES = 48
const TABLE_MAGIC = 0xdb4775248b80fb57n

/** What a log (`*.log`, `MANIFEST-*`) holds: its records, put together again where they were cut. */
export function readLog(file: Buffer): Buffer[] {
  const records: Buffer[] = []
  let parts: Buffer[] = []
  for (let block = 0; block < file.byteLength; block += BLOCK_BYTES) {
    const end = Math.min(block + BLOCK_BYTES, file.byteLength)
    for (let at = block; at + RECORD_HEADER_BYTES <= end;) {
      const length = file.readUInt16LE(at + 4)
      const type = file.readUInt8(at + 6)
      if (type === 0) break
      const data = at + RECORD_HEADER_BYTES
      parts.push(file.subarray(data, data + length))
      // 1: whole, 4: the last part. Between them 2, the first, and 3, those in the middle.
      if (type === 1 || type === 4) {
        records.push(Buffer.concat(parts))
        parts = []
      }
      at = data + length
    }
  }
  return records
}

/** What a table (`*.ldb`, `*.sst`) holds: each key and its value. `compressed` counts the blocks that were. */
export function readTable(file: Buffer): { entries: Buffer[]; compressed: number } {
  const footer = file.subarray(-FOOTER_BYTES)
  if (footer.readBigUInt64LE(FOOTER_BYTES - 8) !== TABLE_MAGIC) throw new Error('not a table')
  const cursor = { at: 0 }
  // The place of the index of meta blocks comes first.
  readPlace(footer, cursor)
  const index = readBlock(file, readPlace(footer, cursor)).bytes
  const entries: Buffer[] = []
  let compressed = 0
  for (const { value } of readEntries(index)) {
    const block = readBlock(file, readPlace(value, { at: 0 }))
    if (block.compressed) compressed += 1
    for (const entry of readEntries(block.bytes)) entries.push(entry.key, entry.value)
  }
  return { entries, compressed }
}

interface Place {
  offset: number
  size: number
}

function readPlace(bytes: Buffer, cursor: { at: number }): Place {
  return { offset: readVarint(bytes, cursor), size: readVarint(bytes, cursor) }
}

function readBlock(file: Buffer, { offset, size }: Place): { bytes: Buffer; compressed: boolean } {
  const bytes = file.subarray(offset, offset + size)
  const type = file.readUInt8(offset + size)
  if (type === 0) return { bytes, compressed: false }
  if (type === 1) return { bytes: unsnap(bytes), compressed: true }
  throw new Error(`compression ${type} is not known`)
}

/** Keys leave out what they share with the one before. */
function* readEntries(block: Buffer): Iterable<{ key: Buffer; value: Buffer }> {
  const restarts = block.readUInt32LE(block.byteLength - 4)
  const end = block.byteLength - 4 * (restarts + 1)
  const cursor = { at: 0 }
  let key = Buffer.alloc(0)
  while (cursor.at < end) {
    const shared = readVarint(block, cursor)
    const rest = readVarint(block, cursor)
    const length = readVarint(block, cursor)
    key = Buffer.concat([key.subarray(0, shared), block.subarray(cursor.at, cursor.at + rest)])
    cursor.at += rest
    yield { key, value: block.subarray(cursor.at, cursor.at + length) }
    cursor.at += length
  }
}

/** Undoes Snappy. */
export function unsnap(bytes: Buffer): Buffer {
  const cursor = { at: 0 }
  const out = Buffer.alloc(readVarint(bytes, cursor))
  let written = 0
  while (cursor.at < bytes.byteLength) {
    const tag = bytes.readUInt8(cursor.at)
    cursor.at += 1
    const high = tag >> 2
    if ((tag & 3) === 0) {
      let length = high + 1
      if (high >= 60) {
        length = bytes.readUIntLE(cursor.at, high - 59) + 1
        cursor.at += high - 59
      }
      bytes.copy(out, written, cursor.at, cursor.at + length)
      cursor.at += length
      written += length
      continue
    }
    let length = high + 1
    let offset: number
    if ((tag & 3) === 1) {
      length = (high & 7) + 4
      offset = ((tag >> 5) << 8) | bytes.readUInt8(cursor.at)
      cursor.at += 1
    } else {
      const width = (tag & 3) === 2 ? 2 : 4
      offset = bytes.readUIntLE(cursor.at, width)
      cursor.at += width
    }
    // A copy may reach into what it writes itself.
    for (let end = written + length; written < end; written += 1)
      out[written] = out[written - offset]!
  }
  return out
}

function readVarint(bytes: Buffer, cursor: { at: number }): number {
  let value = 0
  for (let shift = 1; ; shift *= 128) {
    const byte = bytes.readUInt8(cursor.at)
    cursor.at += 1
    value += (byte & 127) * shift
    if (byte < 128) return value
  }
}
