/** Two nodes start, talk, and stop. A timer, socket or listener left would keep this process from ending. */
import { Inbox, onState, person } from './person.ts'

const PROTOCOL = '/starling/test/1.0.0'
const [origin = '', host = ''] = process.argv.slice(2)
const ada = await person({ origin })
const bob = await person({ origin })
await Promise.all([ada.node.start(), bob.node.start()])
const adas = await Inbox.open(ada.node, PROTOCOL, bob.peer)
const bobs = await Inbox.open(bob.node, PROTOCOL, ada.peer)
await Promise.all([onState(ada.node, 'online'), onState(bob.node, 'online')])
ada.node.peers.want(bob.peer, [host])
const [to, from] = await Promise.all([adas.living(), bobs.living()])
await to.send(new TextEncoder().encode('hello'))
for await (const frame of from.frames()) {
  process.stdout.write(new TextDecoder().decode(frame))
  break
}
await Promise.all([ada.node.stop(), bob.node.stop()])
