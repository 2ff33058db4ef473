import { randomUUID } from 'node:crypto'
import type { ChatApi } from '#lib/features/chat/api.ts'
import type { ContactsApi } from '#lib/features/contacts/api.ts'
import type { TransferId, TransfersApi } from '#lib/features/transfers/api.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import { chosenFiles } from './chosen-files.ts'
import type { Conversations } from './conversations.ts'
import { decodeCommand, refOf, type Command, type Event } from './protocol.ts'
import type { Transfers } from './transfers.ts'

export interface CommandsComponents {
  chat: Pick<ChatApi, 'send' | 'edit' | 'deleteForBoth' | 'react' | 'markRead'>
  contacts: Pick<ContactsApi, 'add' | 'accept'>
  transfers: Pick<
    TransfersApi,
    'share' | 'get' | 'pause' | 'resume' | 'passOn' | 'revoke' | 'remove'
  >
  conversations: Pick<Conversations, 'follow'>
  told: Pick<Transfers, 'tellAll' | 'save'>
  tell: (event: Event) => void
  quit: () => void
  /** What goes on after a command's answer has failed. */
  onFailure: (error: unknown) => void
}

/** What a command has made or changed. */
interface Result {
  id?: MessageId
  peer?: PeerIdString
  transfer?: TransferId
}

/** Obeys a program that runs this peer, a line at a time. */
export class Commands {
  readonly #components: CommandsComponents

  constructor(components: CommandsComponents) {
    this.#components = components
  }

  /** Ends with the lines, which ends nothing else. */
  async run(lines: AsyncIterable<string | null>): Promise<void> {
    for await (const line of lines) await this.#answer(line)
  }

  async #answer(line: string | null): Promise<void> {
    const { tell } = this.#components
    const ref = refOf(line)
    const withRef = ref === undefined ? {} : { ref }
    try {
      const command = decodeCommand(line)
      const result = await this.#obey(command)
      tell({ type: 'done', ...withRef, ...result })
      await this.#afterwards(command, result)
    } catch (error) {
      if (!(error instanceof StarlingError)) throw error
      tell({ type: 'error', ...withRef, name: error.name, message: error.message })
    }
  }

  async #obey(command: Command): Promise<Result> {
    const { chat, contacts, transfers, told } = this.#components
    switch (command.type) {
      case 'send': {
        const { to, text, intent = randomUUID(), reply } = command
        const as = reply === undefined ? {} : { reply }
        return { id: await chat.send(to, text, intent, as) }
      }
      case 'edit':
        await chat.edit(command.to, command.id, command.text)
        return { id: command.id }
      case 'delete':
        await chat.deleteForBoth(command.to, command.id)
        return { id: command.id }
      case 'react':
        await chat.react(command.to, command.id, command.emoji)
        return { id: command.id }
      case 'read':
        await chat.markRead(command.from, command.id)
        return {}
      case 'accept':
        await contacts.accept(command.peer)
        return { peer: command.peer }
      case 'add':
        return { peer: await contacts.add(command.code) }
      case 'share':
        return { transfer: await this.#share(command) }
      case 'get':
        return { transfer: await this.#get(command) }
      case 'transfers':
        await told.tellAll()
        return {}
      case 'pause':
      case 'resume':
      case 'revoke':
      case 'remove':
        await transfers[command.type](command.transfer)
        return { transfer: command.transfer }
      case 'pass-on':
        await transfers.passOn(command.transfer, command.on)
        return { transfer: command.transfer }
      case 'quit':
        return {}
    }
  }

  /** Whoever says so in a command wants it, however large it is. */
  async #get({ link, password }: Extract<Command, { type: 'get' }>): Promise<TransferId> {
    const { transfers } = this.#components
    const id = await transfers.get(link, password ?? null)
    await transfers.resume(id)
    return id
  }

  async #share(command: Extract<Command, { type: 'share' }>): Promise<TransferId> {
    const { paths, description = '', expiresAfterMs = null } = command
    const { password = null, downloadLimit = null, copyForMs = null } = command
    return this.#components.transfers.share(await chosenFiles(paths), {
      description,
      expiresAfterMs,
      password,
      downloadLimit,
      copyForMs,
    })
  }

  /** The answer comes before what follows from it. */
  async #afterwards(command: Command, { id, transfer }: Result): Promise<void> {
    const { conversations, told, quit, onFailure } = this.#components
    if (command.type === 'send' && id !== undefined) await conversations.follow(command.to, id)
    if (command.type === 'get' && command.into !== undefined && transfer !== undefined) {
      const { into: folder, replace = false } = command
      // It may take hours: other commands do not wait.
      told.save(transfer, { folder, replace }).catch(onFailure)
    }
    if (command.type === 'quit') quit()
  }
}
