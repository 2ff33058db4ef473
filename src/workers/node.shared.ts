/// <reference lib="webworker" />
import { portOver } from '../lib/rpc/port.ts'
import { startNodeHost } from './node-host.ts'

declare const self: SharedWorkerGlobalScope

const host = startNodeHost(self)

self.onconnect = ({ ports }) => {
  for (const port of ports) host.accept(portOver(port))
}
