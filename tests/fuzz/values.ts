/** Values as they come over a port: whatever the structured clone algorithm lets through. */
import { changedText } from './texts.ts'
import type { Dice } from './dice.ts'

/** Large ones, made once: who takes one may not change it. */
const COUNTED = Object.freeze(Array.from({ length: 2_000 }, (_, at) => at))
const HOLES = Object.freeze(new Array<unknown>(100_000))
const DEEP_LIST = nested((inner) => [inner])
const DEEP_OBJECT = nested((inner) => ({ inner }))

const others: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => NaN,
  () => Infinity,
  () => -0,
  () => -1,
  () => 0.5,
  () => 2 ** 53,
  () => 10n,
  () => true,
  () => '',
  () => '__proto__',
  () => 'constructor',
  () => 'x'.repeat(70_000),
  () => [],
  () => ({}),
  () => new Date(NaN),
  () => new Map([['type', 'call']]),
  () => new Set([1]),
  () => new Uint8Array(3),
  () => new ArrayBuffer(8),
  () => new Error('a'),
  () => /a/,
  () => COUNTED,
  () => HOLES,
  () => DEEP_LIST,
  () => DEEP_OBJECT,
  () => JSON.parse('{"__proto__":{"type":"call"}}') as unknown,
  () => circle(),
]

/** The value with one of its places holding something else, or changed in a small way. */
export function changedValue(dice: Dice, value: unknown): unknown {
  if (Array.isArray(value) && value.length > 0 && !dice.once(4)) {
    const at = dice.below(value.length)
    return value.map((each: unknown, index) => (index === at ? changedValue(dice, each) : each))
  }
  if (isPlain(value) && !dice.once(5)) return changedObject(dice, value)
  if (typeof value === 'string' && dice.once(2)) return changedText(dice, value)
  if (typeof value === 'number' && dice.once(2)) return value + dice.below(5) - 2
  return dice.pick(others)()
}

function changedObject(dice: Dice, value: object): object {
  const entries = Object.entries(value)
  const at = dice.below(entries.length + 1)
  const chosen = entries[at]
  if (chosen === undefined)
    return { ...value, [dice.pick(['more', 'type', 'id', '__proto__'])]: dice.pick(others)() }
  if (dice.once(6)) return Object.fromEntries(entries.filter((_, index) => index !== at))
  return { ...value, [chosen[0]]: changedValue(dice, chosen[1]) }
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}

function nested(around: (inner: unknown) => object): unknown {
  return Array.from({ length: 500 }).reduce<unknown>((inner) => Object.freeze(around(inner)), 1)
}

function circle(): unknown {
  const value: { self?: unknown } = {}
  value.self = value
  return value
}
