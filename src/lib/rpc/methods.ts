/**
 * How a method crosses the port: `call` answers once, and so does `idempotent`, which asked twice changes nothing more
 * and is asked again of the next host when one goes in between; `watch` is a flow whose latest item replaces one not
 * yet read; `stream` is a flow of which every item counts.
 */
export type MethodKind = 'call' | 'idempotent' | 'watch' | 'stream'

/** Whether it is a flow, and not a question with one answer. */
export const isFlow = (kind: MethodKind): kind is 'watch' | 'stream' =>
  kind === 'watch' || kind === 'stream'

type KindOf<Name, M> = M extends (...args: never[]) => AsyncIterable<unknown>
  ? Name extends `watch${string}`
    ? 'watch'
    : 'stream'
  : 'call' | 'idempotent'

/**
 * Every method of every component and its kind. It is what a host offers and what a tab can ask for; the type
 * makes leaving one out, or giving the wrong kind, an error of the compiler.
 */
export type MethodTable<Api> = {
  readonly [C in keyof Api]: {
    readonly [M in keyof Api[C]]: KindOf<M, Api[C][M]>
  }
}

/** A table of which only the shape is known. */
export type AnyMethodTable = Readonly<Record<string, Readonly<Record<string, MethodKind>>>>
