import { ABOUT_CONTEXT, decodeAbout, encodeAbout, type About } from '#lib/content/about.ts'
import { contentIdOf, parseContentId } from '#lib/content/content-id.ts'
import {
  decodeFrame,
  encodeMessage,
  encodePart,
  type BlocksMessage,
} from '#lib/content/exchange/protocol.ts'
import { decodeManifest, encodeManifest } from '#lib/content/manifest.ts'
import { cleanPath, isPath } from '#lib/content/paths.ts'
import { decodeLink, encodeLink, lockContent } from '#lib/features/transfers/link.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'
import {
  bytesTarget,
  codecTarget,
  requireSame,
  signedTarget,
  textTarget,
  type Target,
} from '../target.ts'
import { NOW } from './protocol.ts'

const FOLDER = 'src/lib/content/'
const LINKS = 'src/lib/features/transfers/link.ts'

const filled = (count: number, value: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(count).fill(value)

/** Contents, their parts as they travel, and links to them. */
export async function contentTargets(): Promise<Target[]> {
  const anna = await signerOf(1)
  const content = contentIdOf(filled(32, 7))
  const about: About = {
    name: 'holiday',
    description: 'from the sea',
    createdAtMs: NOW,
    expiresAtMs: null,
    creator: { peer: anna.peer, name: 'Anna' },
    files: [
      { path: 'holiday/day 1/beach.jpg', mediaType: 'image/jpeg', bytes: 262_145 },
      { path: 'holiday/пляж.txt', mediaType: '', bytes: 0 },
    ],
    leavesHash: filled(32, 1),
  }
  const abouts = [
    await encodeAbout(about, anna),
    await encodeAbout({ ...about, creator: null, expiresAtMs: NOW + 1 }, null),
  ]
  const messages: BlocksMessage[] = [
    { type: 'open', topic: 0, content },
    {
      type: 'ask',
      topic: 1,
      parts: [
        ['manifest', 0],
        ['list', 3],
        ['leaf', 70_000],
      ],
    },
    { type: 'drop', topic: 1, parts: [['leaf', 1]] },
    { type: 'close', topic: 2 ** 31 - 1 },
    { type: 'has', topic: 0, page: 4_095, bits: filled(512, 0xaa) },
    { type: 'has', topic: 0, page: null, bits: filled(0, 0) },
    { type: 'gained', topic: 0, leaves: [0, 4_096, 16_777_215] },
    { type: 'interest', topic: 0, interested: true },
    { type: 'suggest', topic: 0, leaves: [5] },
    { type: 'choke', topic: 0, choked: false },
    { type: 'reject', topic: 0, parts: [['leaf', 1]] },
    { type: 'lacks', topic: 0, kind: 'list', index: 1 },
    { type: 'refused', topic: 0, reason: 'expired' },
  ]
  const link = { content, peers: [anna.peer], relays: ['relay.example:4001', '[::1]'] }
  const key = filled(32, 9)
  // What is stretched is no key, only as long as one.
  const stretch = () => Promise.resolve(filled(32, 3))
  const links = [
    encodeLink({ ...link, opener: { type: 'key', key } }),
    encodeLink({ ...link, opener: await lockContent(key, 'swallow', stretch, seededRandom(1)) }),
  ]
  return [
    textTarget('content id', [`${FOLDER}content-id.ts#parseContentId`], [content], (input) =>
      parseContentId(input),
    ),
    codecTarget(
      'manifest',
      `${FOLDER}manifest.ts#manifests`,
      { encode: encodeManifest, decode: decodeManifest },
      [
        encodeManifest({
          version: 1,
          sealed: true,
          leaves: 3,
          aboutLeaves: 1,
          bytes: 700_000,
          hashes: filled(96, 5),
        }),
        encodeManifest({
          version: 1,
          sealed: false,
          leaves: 5_000,
          aboutLeaves: 2,
          bytes: 1_310_000_000,
          hashes: filled(64, 5),
        }),
      ],
    ),
    signedTarget(
      'description of a content',
      [`${FOLDER}about.ts#bodies`, `${FOLDER}about.ts#decodeAbout`, `${FOLDER}about.ts#envelopes`],
      { context: ABOUT_CONTEXT, signer: anna },
      abouts,
      (input) => decodeAbout(input),
    ),
    bytesTarget(
      'frame of blocks',
      [`${FOLDER}exchange/protocol.ts#decodeFrame`],
      [encodePart(3, { kind: 'leaf', index: 70_000 }, filled(20, 1)), Uint8Array.of(1, 0, 0, 0)],
      (input) => decodeFrame(input),
    ),
    codecTarget<BlocksMessage>(
      'message of blocks',
      `${FOLDER}exchange/protocol.ts#messages`,
      {
        encode: (message) => encodeMessage(message).slice(1),
        decode: (bytes) => decodeFrame(Uint8Array.of(0, ...bytes)) as BlocksMessage,
      },
      messages.map((message) => encodeMessage(message).slice(1)),
    ),
    textTarget(
      'path of a file',
      [],
      ['holiday/day 1/beach.jpg', '../../etc/passwd', 'nul.txt'],
      (input) => {
        if (!isPath(cleanPath(input))) throw new Error('made a path that is none')
      },
    ),
    textTarget(
      'link to a content',
      [`${LINKS}#bodies`, `${LINKS}#decodeLink`],
      links.flatMap((each) => [each, `https://starling.example/#/get/${each}`]),
      (input) => {
        const read = decodeLink(input)
        requireSame(
          new TextEncoder().encode(encodeLink(read)),
          new TextEncoder().encode(encodeLink(decodeLink(encodeLink(read)))),
        )
      },
    ),
  ]
}
