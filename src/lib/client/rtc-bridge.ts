import type { TabBridge } from './node-connection.ts'

export const rtcBridge = (): TabBridge => ({
  webrtc: typeof RTCPeerConnection === 'function',
  serve: () => () => undefined,
})
