import { StarlingError } from '#lib/protocol/errors.ts'

/** A flag or environment variable with a value that is not allowed, or an unknown flag. */
export class ConfigError extends StarlingError {
  override readonly name = 'ConfigError'
}

/** Somebody else listens where the relay was told to. */
export class PortTakenError extends StarlingError {
  override readonly name = 'PortTakenError'
}

/** The system lets nobody listen there: no such address here, or a port that needs more rights. */
export class ListenError extends StarlingError {
  override readonly name = 'ListenError'
}

/** The data folder cannot be opened: another relay uses it, or it cannot be written. */
export class DataFolderError extends StarlingError {
  override readonly name = 'DataFolderError'
}

/** No port was mapped. The text says why, of the router: it is for the log, and holds nothing the router wrote. */
export class PortMappingError extends StarlingError {
  override readonly name = 'PortMappingError'
}

/** A peer took no bytes for too long. */
export class SlowReaderError extends StarlingError {
  override readonly name = 'SlowReaderError'
}

/** A WebSocket message that libp2p never sends. */
export class BadFrameError extends StarlingError {
  override readonly name = 'BadFrameError'
}

/** A peer asked for more than its share. */
export class QuotaError extends StarlingError {
  override readonly name = 'QuotaError'
}

/** A record older than the one held. */
export class StaleRecordError extends StarlingError {
  override readonly name = 'StaleRecordError'
}

/** A ticket for a rendezvous that does not hold, or not for who came with it. */
export class TicketError extends StarlingError {
  override readonly name = 'TicketError'
}
