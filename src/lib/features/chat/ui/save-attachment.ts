import { m } from '../../../i18n/generated/messages.js'
import { beginSaving, type Saving } from '../../../ui/save-file.ts'
import { tell, tellFailure } from '../../../ui/toast.ts'
import type { AttachmentView } from './attachment-view.svelte.ts'

/** Writes an attachment to a place of the person's own, and says how that went. To be called by a press. */
export async function saveAttachment(view: AttachmentView, name: string): Promise<void> {
  let saving: Saving | null = null
  try {
    saving = await beginSaving(name)
    if (saving === null) return
    for await (const piece of view.read()) await saving.write(piece)
    if (await saving.keep()) tell(m.chats_file_saved())
  } catch {
    await saving?.drop()
    tellFailure(m.chats_file_not_saved())
  }
}
