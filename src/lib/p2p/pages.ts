import { TypedEventEmitter } from 'main-event'
import type { PagesInSight } from './api.ts'

/** The pages that a node serves, and whether any is in sight: one behind another, or on a dark screen, is not. */
export class Pages extends TypedEventEmitter<{ changed: CustomEvent }> implements PagesInSight {
  readonly #visible = new Set<object>()

  get inSight(): boolean {
    return this.#visible.size > 0
  }

  /** Any object stands for a page. */
  see(page: object, visible: boolean): void {
    const before = this.inSight
    if (visible) this.#visible.add(page)
    else this.#visible.delete(page)
    if (this.inSight !== before) this.safeDispatchEvent('changed')
  }
}
