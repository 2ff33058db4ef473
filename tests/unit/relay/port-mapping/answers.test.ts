import { describe, expect, test } from 'vitest'
import { PortMappingError } from '#relay/errors.ts'
import { parseNatPmpAnswer } from '#relay/port-mapping/nat-pmp.ts'
import { defaultGateway } from '#relay/port-mapping/router-places.ts'
import { parseSsdpAnswer } from '#relay/port-mapping/ssdp.ts'
import { parseDescription, parseSoapAnswer } from '#relay/port-mapping/xml.ts'

const LOCATION = new URL('http://192.168.1.1:5000/rootDesc.xml')

function service(name: string, controlUrl: string): string {
  return `<service><serviceType>urn:schemas-upnp-org:service:${name}</serviceType><controlURL>${controlUrl}</controlURL></service>`
}

describe('a description', () => {
  test('gives the newest service that maps ports, at its own host', () => {
    const text = service('WANPPPConnection:1', '/p') + service('WANIPConnection:1', '/a?b&amp;c')
    const { service: found, url } = parseDescription(text, LOCATION)
    expect(found).toBe('urn:schemas-upnp-org:service:WANIPConnection:1')
    expect(url.href).toBe('http://192.168.1.1:5000/a?b&c')
  })

  test('of something else, or of another host, is refused', () => {
    for (const text of [
      '',
      service('Printer:1', '/p'),
      service('WANIPConnection:1', 'http://192.168.1.2/'),
      service('WANIPConnection:1', 'file:///etc/passwd'),
    ]) {
      expect(() => parseDescription(text, LOCATION)).toThrow(PortMappingError)
    }
  })
})

test('an answer is taken with whatever prefix and attributes, and only to what was asked', () => {
  const text = `<SOAP:Body><m:GetExternalIPAddressResponse><NewExternalIPAddress dt="string"> 45.67.89.10 </NewExternalIPAddress></m:GetExternalIPAddressResponse>`
  expect(parseSoapAnswer(text, 'GetExternalIPAddress')).toEqual({
    error: null,
    externalAddress: '45.67.89.10',
  })
  expect(() => parseSoapAnswer(text, 'AddPortMapping')).toThrow(PortMappingError)
  expect(parseSoapAnswer('<errorCode>718</errorCode>', 'AddPortMapping')).toEqual({ error: 718 })
})

test('a device is described by itself alone', () => {
  const answer = (location: string): Buffer =>
    Buffer.from(`HTTP/1.1 200 OK\r\nlocation: ${location}\r\n\r\n`)
  expect(parseSsdpAnswer(answer(LOCATION.href), '192.168.1.1')).toEqual(LOCATION)
  expect(parseSsdpAnswer(answer(LOCATION.href), '192.168.1.2')).toBeNull()
  expect(parseSsdpAnswer(answer('https://192.168.1.1/'), '192.168.1.1')).toBeNull()
  expect(parseSsdpAnswer(answer('nonsense'), '192.168.1.1')).toBeNull()
  expect(parseSsdpAnswer(Buffer.from('NOTIFY * HTTP/1.1\r\n\r\n'), '192.168.1.1')).toBeNull()
})

test('an answer by NAT-PMP has its length, version and success', () => {
  const mapped = Buffer.from('00820000000000012253c00000000e10', 'hex')
  expect(parseNatPmpAnswer(mapped)).toEqual({
    operation: 2,
    port: 8_787,
    externalPort: 49_152,
    leaseS: 3_600,
  })
  expect(parseNatPmpAnswer(Buffer.from('00800000000000012d43590a', 'hex'))).toEqual({
    operation: 0,
    externalAddress: '45.67.89.10',
  })
  const changed = (at: number): Buffer => Buffer.from(mapped).fill(1, at, at + 1)
  for (const bytes of [
    changed(0),
    changed(3),
    mapped.subarray(1),
    mapped.subarray(0, 15),
    Buffer.alloc(0),
  ]) {
    expect(() => parseNatPmpAnswer(bytes)).toThrow(PortMappingError)
  }
})

test('the router of NAT-PMP is where Linux sends what is for the internet', () => {
  const head = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n'
  const lan = 'eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\n'
  const out = 'eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\n'
  expect(defaultGateway(head + lan + out)).toBe('192.168.1.1')
  expect(defaultGateway(head + lan)).toBeNull()
  expect(defaultGateway('')).toBeNull()
})
