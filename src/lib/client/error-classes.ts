import {
  DamagedBackupError,
  InvalidPhraseError,
  NewerBackupError,
  NotABackupError,
  TruncatedBackupError,
  WrongBackupKeyError,
} from '../features/backup/errors.ts'
import {
  BlockedError,
  EmptyTextError,
  TextTooLongError,
  UnknownConversationError,
} from '../features/chat/errors.ts'
import {
  DifferentKeysError,
  ExpiredCodeError,
  ForeignCodeError,
  MalformedCodeError,
  NewerCodeError,
  NotASafetyCodeError,
  OwnCodeError,
  TamperedCodeError,
  UnknownContactError,
} from '../features/contacts/errors.ts'
import { AlreadyKnownError, InvalidAddressError } from '../features/network/errors.ts'
import { UnusableSubscriptionError } from '../features/notifications/errors.ts'
import { AlreadyCreatedError, InvalidNameError } from '../features/profile/errors.ts'
import { UnknownChoiceError } from '../features/settings/errors.ts'
import {
  MalformedLinkError,
  NotCompleteError,
  NothingToShareError,
  PasswordNeededError,
  UnknownTransferError,
  WrongPasswordError,
} from '../features/transfers/errors.ts'
import {
  NoPassphraseError,
  PassphraseLengthError,
  WrongPassphraseError,
} from '../features/vault/errors.ts'
import {
  ExpiredError,
  InvalidDataError,
  InvalidSignatureError,
  LimitExceededError,
  StorageFullError,
} from '../protocol/errors.ts'
import { ErrorClasses, UnknownMethodError } from '../rpc/errors.ts'

/** Every error class a call may fail with: what a tab catches by class. */
export const nodeErrors = new ErrorClasses([
  AlreadyCreatedError,
  AlreadyKnownError,
  BlockedError,
  DamagedBackupError,
  DifferentKeysError,
  EmptyTextError,
  ExpiredCodeError,
  ExpiredError,
  ForeignCodeError,
  InvalidAddressError,
  InvalidDataError,
  InvalidNameError,
  InvalidPhraseError,
  InvalidSignatureError,
  LimitExceededError,
  MalformedCodeError,
  MalformedLinkError,
  NewerBackupError,
  NewerCodeError,
  NoPassphraseError,
  NotABackupError,
  NotASafetyCodeError,
  NotCompleteError,
  NothingToShareError,
  OwnCodeError,
  PassphraseLengthError,
  PasswordNeededError,
  StorageFullError,
  TamperedCodeError,
  TextTooLongError,
  TruncatedBackupError,
  UnknownChoiceError,
  UnknownContactError,
  UnknownConversationError,
  UnknownMethodError,
  UnknownTransferError,
  UnusableSubscriptionError,
  WrongBackupKeyError,
  WrongPassphraseError,
  WrongPasswordError,
])
