import { m } from '../../../i18n/generated/messages.js'
import type { CodeProblem } from './code-view.svelte.ts'

/** What happened and what to do about it, a sentence for each. */
export function codeProblemText(problem: CodeProblem): string {
  return {
    MalformedCodeError: m.contacts_error_malformed,
    ForeignCodeError: m.contacts_error_foreign,
    ExpiredCodeError: m.contacts_error_expired,
    TamperedCodeError: m.contacts_error_tampered,
    NewerCodeError: m.contacts_error_newer,
    OwnCodeError: m.contacts_error_own,
    StorageFullError: m.contacts_error_storage,
    Other: m.contacts_error_other,
  }[problem]()
}
