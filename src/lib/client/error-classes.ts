import {
  ExpiredError,
  InvalidDataError,
  InvalidSignatureError,
  LimitExceededError,
  StorageFullError,
} from '../protocol/errors.ts'
import { AlreadyCreatedError, InvalidNameError } from '../features/profile/errors.ts'
import { ErrorClasses, UnknownMethodError } from '../rpc/errors.ts'

/** Every error class a call may fail with: what a tab catches by class. */
export const nodeErrors = new ErrorClasses([
  AlreadyCreatedError,
  ExpiredError,
  InvalidDataError,
  InvalidNameError,
  InvalidSignatureError,
  LimitExceededError,
  StorageFullError,
  UnknownMethodError,
])
