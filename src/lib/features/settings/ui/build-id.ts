/** Which build of the page this is, for people who report something. */
export const BUILD_ID = __BUILD_ID__
