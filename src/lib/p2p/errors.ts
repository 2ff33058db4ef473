import { StarlingError } from '../protocol/errors.ts'

/** Text that is no `host[:port]`, http(s) or ws(s) URL, or multiaddr a browser can dial. */
export class InvalidAddressError extends StarlingError {
  override readonly name: string = 'InvalidAddressError'
}

/** A relay that is in the book already. */
export class AlreadyKnownError extends StarlingError {
  override readonly name: string = 'AlreadyKnownError'
}

/** The channel has ended: what was being sent may or may not have arrived. */
export class ChannelClosedError extends StarlingError {
  override readonly name: string = 'ChannelClosedError'
}

/** The peer broke the rules of channel framing or flow control. */
export class ChannelProtocolError extends StarlingError {
  override readonly name: string = 'ChannelProtocolError'
}

/** No way to the peer worked. */
export class UnreachableError extends StarlingError {
  override readonly name: string = 'UnreachableError'
}

/** The node has not been started, or has been stopped. */
export class NotRunningError extends StarlingError {
  override readonly name: string = 'NotRunningError'
}

/** A connection gives way to a better or newer one of the same peer. */
export class SupersededError extends StarlingError {
  override readonly name: string = 'SupersededError'
}

/** No answer within the limit. */
export class NoAnswerError extends StarlingError {
  override readonly name: string = 'NoAnswerError'
}

/** The relay does not know this session over HTTP any more. */
export class SessionOverError extends StarlingError {
  override readonly name: string = 'SessionOverError'
}
