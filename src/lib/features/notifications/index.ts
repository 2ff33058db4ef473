import type { Loggers } from '../../protocol/seams.ts'
import { NotificationsService, type NotificationsComponents } from './service.ts'
import { WakeUpsService, type WakeUpsComponents } from './wake-ups.ts'

export interface NotificationsSliceComponents extends Omit<NotificationsComponents, 'logger'> {
  loggers: Loggers
}

/** Notifications while the app is open. Started after chat and contacts. */
export function notifications(): (
  components: NotificationsSliceComponents,
) => NotificationsService {
  return ({ loggers, ...rest }) =>
    new NotificationsService({ ...rest, logger: loggers('notifications') })
}

/** Being woken while the app is closed. */
export function wakeUps(): (components: WakeUpsComponents) => WakeUpsService {
  return (components) => new WakeUpsService(components)
}
