export { AlreadyKnownError, InvalidAddressError } from '../../p2p/errors.ts'
