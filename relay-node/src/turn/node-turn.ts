/** node-turn in a process of its own, which ends with the relay that has started it. */
import * as v from 'valibot'
import Turn from 'node-turn'
import { turnPassword } from './credentials.ts'

const settings = v.parse(
  v.object({
    secret: v.string(),
    listen: v.nullable(v.string()),
    port: v.number(),
    relayPorts: v.object({ first: v.number(), last: v.number() }),
    externalIp: v.nullable(v.string()),
  }),
  JSON.parse(process.env['STARLING_TURN_SETTINGS'] ?? 'null'),
)

/** node-turn looks passwords up by name; here they are made of it, as coturn makes them. */
const credentials = new Proxy<Record<string, string>>(
  {},
  {
    get: (_, username) => {
      if (typeof username !== 'string') return undefined
      const [, seconds] = /^(\d{1,12}):[0-9a-f]+$/.exec(username) ?? []
      const expired = seconds === undefined || Number(seconds) * 1_000 <= Date.now()
      return expired ? undefined : turnPassword(settings.secret, username)
    },
  },
)

const { listen, port, relayPorts, externalIp } = settings
new Turn({
  authMech: 'long-term',
  realm: 'starling',
  credentials,
  listeningPort: port,
  minPort: relayPorts.first,
  maxPort: relayPorts.last,
  ...(listen === null ? {} : { listeningIps: [listen], relayIps: [listen] }),
  ...(externalIp === null ? {} : { externalIps: externalIp }),
}).start()

process.once('SIGTERM', () => process.exit(0))
// A relay that was killed says nothing: another process is the parent then.
const parent = process.ppid
setInterval(() => {
  if (process.ppid !== parent) process.exit(0)
}, 1_000)
