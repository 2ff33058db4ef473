import type { Port } from '../rpc/port.ts'

/** Where the node host of this browser is, and how to reach it. */
export interface HostFinder {
  /** A line to the host, which is started when there is none. The host need not have answered yet. */
  open(): Port
  /**
   * Aborted, and then replaced, when the host has to be looked for anew: the line last opened leads nowhere,
   * because this tab became the one that runs the host, or because the host could not be started.
   */
  readonly stale: AbortSignal
}
