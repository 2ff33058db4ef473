/**
 * Whether the relay of this container serves, as exit code 0 or 1, for `HEALTHCHECK` in the Dockerfile. It is asked at
 * the address that the same environment variables have given it; with `STARLING_HTTPS` that has a certificate which
 * only this machine vouches for, so nobody else's is looked for.
 */
import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'
import { type Config, DEFAULT_PORT, readConfig } from './config.ts'

/** Addresses that mean every one of the machine, and the one to ask instead. */
const LOOPBACK: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

const config = readConfig([], process.env)
process.exitCode = config !== 'help' && (await serves(config)) ? 0 : 1

function serves({ host, port, https }: Config): Promise<boolean> {
  const options = {
    host: LOOPBACK[host] ?? host,
    port: port ?? DEFAULT_PORT,
    path: '/health',
    agent: false,
  }
  return new Promise((resolve) => {
    const request = https ? getHttps({ ...options, rejectUnauthorized: false }) : getHttp(options)
    request.once('response', (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.once('error', () => {
      resolve(false)
    })
  })
}
