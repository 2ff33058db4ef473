import { StarlingError } from '../protocol/errors.ts'

/** The two ends were built from different versions; the tab has to load the page again. */
export class VersionMismatchError extends StarlingError {
  override readonly name = 'VersionMismatchError'
}

/** The host ended while the call was under way: it may or may not have been carried out. */
export class HostGoneError extends StarlingError {
  override readonly name = 'HostGoneError'
}

/** A component or method the other side does not offer. */
export class UnknownMethodError extends StarlingError {
  override readonly name = 'UnknownMethodError'
}

/** An error of a class this side does not know; `name` is the one it had over there. */
export class RemoteError extends StarlingError {
  override readonly name: string

  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

/** An error as it crosses a port: what a stack or a cause would tell stays where it happened. */
export interface ErrorData {
  name: string
  message: string
}

/** A class whose instances can be told apart by `name` and made again from their message. */
export type ErrorClass = new (message: string) => Error

/** Longest error text that crosses a port, in UTF-16 units; the rest is cut. */
export const MAX_ERROR_TEXT = 500

export function encodeError(error: unknown): ErrorData {
  const name = error instanceof Error ? error.name : 'Error'
  const message = error instanceof Error ? error.message : String(error)
  return { name: name.slice(0, 64), message: message.slice(0, MAX_ERROR_TEXT) }
}

/** Makes errors again with the class their `name` stands for. */
export class ErrorClasses {
  readonly #byName: ReadonlyMap<string, ErrorClass>

  constructor(classes: readonly ErrorClass[]) {
    this.#byName = new Map(classes.map((each) => [new each('').name, each]))
  }

  decode({ name, message }: ErrorData): Error {
    if (name === 'AbortError' || name === 'TimeoutError') return new DOMException(message, name)
    const known = this.#byName.get(name)
    return known === undefined ? new RemoteError(name, message) : new known(message)
  }
}
