import { parseNatPmpAnswer } from '#relay/port-mapping/nat-pmp.ts'
import { parseSsdpAnswer } from '#relay/port-mapping/ssdp.ts'
import { parseDescription, parseSoapAnswer } from '#relay/port-mapping/xml.ts'
import { bytesTarget, textTarget, type Target } from '../target.ts'

const FOLDER = 'relay-node/src/port-mapping'

const LOCATION = 'http://192.168.1.1:5000/rootDesc.xml'

const DESCRIPTION = `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><serviceList>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType><controlURL>/ctl</controlURL></service>
<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType><controlURL>http://192.168.1.1/</controlURL></service>
</serviceList></device></root>`

const SOAP = [
  '<s:Body><u:AddPortMappingResponse xmlns:u="urn"><NewExternalIPAddress>45.67.89.10</NewExternalIPAddress></u:AddPortMappingResponse></s:Body>',
  '<s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></s:Fault>',
]

/** What a relay reads of routers. */
export function portMappingTargets(): Target[] {
  return [
    bytesTarget(
      'answer of a router by SSDP',
      [`${FOLDER}/ssdp.ts#parseSsdpAnswer`],
      [Buffer.from(`HTTP/1.1 200 OK\r\nLOCATION: ${LOCATION}\r\n\r\n`)],
      (input) => parseSsdpAnswer(input, '192.168.1.1'),
    ),
    textTarget(
      'description of a router',
      [`${FOLDER}/xml.ts#parseDescription`],
      [DESCRIPTION],
      (input) => parseDescription(input, new URL(LOCATION)),
    ),
    textTarget('answer of a router by UPnP', [`${FOLDER}/xml.ts#parseSoapAnswer`], SOAP, (input) =>
      parseSoapAnswer(input, 'AddPortMapping'),
    ),
    bytesTarget(
      'answer of a router by NAT-PMP',
      [`${FOLDER}/nat-pmp.ts#parseNatPmpAnswer`],
      [
        Buffer.from('00820000000000012253c00000000e10', 'hex'),
        Buffer.from('00800000000000012d43590a', 'hex'),
      ],
      parseNatPmpAnswer,
    ),
  ]
}
