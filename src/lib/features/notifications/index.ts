import type { Loggers } from '../../protocol/seams.ts'
import { NotificationsService, type NotificationsComponents } from './service.ts'

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
