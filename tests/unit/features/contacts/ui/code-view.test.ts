import { describe, expect, test } from 'vitest'
import type { CodePreview } from '../../../../../src/lib/features/contacts/api.ts'
import { CodeView } from '../../../../../src/lib/features/contacts/ui/code-view.svelte.ts'
import { StarlingError } from '../../../../../src/lib/protocol/errors.ts'
import type { PeerIdString } from '../../../../../src/lib/protocol/ids.ts'

const ANNA = 'anna' as PeerIdString

class NamedError extends StarlingError {
  override readonly name: string

  constructor(name: string) {
    super(name)
    this.name = name
  }
}

function preview(name: string): CodePreview {
  return { peer: ANNA, name, safetyWords: ['a', 'b', 'c', 'd'], relation: 'new' }
}

function scene(behaviour: Partial<ConstructorParameters<typeof CodeView>[0]> = {}) {
  const added: string[] = []
  const view = new CodeView({
    preview: (code) => Promise.resolve(preview(code)),
    add(code) {
      added.push(code)
      return Promise.resolve(ANNA)
    },
    ...behaviour,
  })
  return { view, added }
}

describe('a code', () => {
  test('is shown before anything is done with it, and added when told', async () => {
    const { view, added } = scene()
    await view.read('card')
    expect(view.preview?.name).toBe('card')
    expect(added).toEqual([])

    expect(await view.add()).toBe(ANNA)
    expect(added).toEqual(['card'])
  })

  test('whose adding ends while another is looked at leads nowhere', async () => {
    const adding = Promise.withResolvers<PeerIdString>()
    const { view } = scene({ add: () => adding.promise })
    await view.read('one')
    const added = view.add()
    await view.read('another')
    adding.resolve(ANNA)

    expect(await added).toBe(null)
    expect(view.preview?.name).toBe('another')
    expect(view.state).toBe('shown')
  })

  test.each([
    'MalformedCodeError',
    'ForeignCodeError',
    'ExpiredCodeError',
    'TamperedCodeError',
    'NewerCodeError',
  ])('that ends in %s says so, and cannot be added', async (name) => {
    const { view, added } = scene({ preview: () => Promise.reject(new NamedError(name)) })
    await view.read('card')
    expect(view.problem).toBe(name)
    expect(view.preview).toBeNull()
    expect(await view.add()).toBeNull()
    expect(added).toEqual([])
  })

  test('with a problem nobody foresaw has one all the same', async () => {
    const { view } = scene({ preview: () => Promise.reject(new TypeError('?')) })
    await view.read('card')
    expect(view.problem).toBe('Other')
  })

  test('that could not be added stays, with the reason', async () => {
    const { view } = scene({ add: () => Promise.reject(new NamedError('OwnCodeError')) })
    await view.read('card')
    expect(await view.add()).toBeNull()
    expect(view.problem).toBe('OwnCodeError')
    expect(view.preview).not.toBeNull()
  })

  test('read later replaces one whose answer is still to come', async () => {
    const answers = new Map<string, (preview: CodePreview) => void>()
    const { view } = scene({
      preview: (code) =>
        new Promise((resolve) => {
          answers.set(code, resolve)
        }),
    })
    const first = view.read('first')
    const second = view.read('second')
    answers.get('second')!(preview('second'))
    answers.get('first')!(preview('first'))
    await Promise.all([first, second])
    expect(view.preview?.name).toBe('second')
  })
})
