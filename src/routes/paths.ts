/** In the place of a contact's id: my own code, the scanner, and who is nearby. No peer id looks like them. */
export const MY_CODE = 'code'
export const SCAN = 'scan'
export const NEARBY = 'nearby'

/** Parts of the settings that are led to. */
export type SettingsPart = 'recovery' | 'storage' | 'install' | 'room'

/** Where the screens are. screens.ts says which component stands where. */
export const paths = {
  chats: '#/',
  chat: (id: string) => `#/chat/${id}`,
  contacts: '#/contacts',
  contact: (id: string) => `#/contacts/${id}`,
  /** Where keys are compared with a contact. */
  safety: (id: string) => `#/contacts/${id}/safety`,
  myCode: `#/contacts/${MY_CODE}`,
  scan: `#/contacts/${SCAN}`,
  nearby: `#/contacts/${NEARBY}`,
  /** A friend's card: what their link and their QR code lead to. */
  card: (card: string) => `#/c/${card}`,
  files: '#/files',
  file: (id: string) => `#/files/${id}`,
  /** Files somebody shared: what their link and their QR code lead to. */
  get: (link: string) => `#/get/${link}`,
  network: '#/network',
  settings: '#/settings',
  /** The settings, opened at one of their parts. */
  settingsAt: (part: SettingsPart) => `#/settings/${part}`,
} as const

/** The card in an address such as `#/c/…`, or null when it leads somewhere else. */
export function cardIn(hash: string): string | null {
  return hash.startsWith('#/c/') ? hash.slice('#/c/'.length) : null
}

/** The link to files in an address such as `https://…/#/get/…`, or null when it leads somewhere else. */
export function linkIn(address: string): string | null {
  return /#\/get\/([^\s/]+)/u.exec(address)?.[1] ?? null
}

/** What leads to a card, or to files, in the Starling that a browser knows for the scheme. */
export const schemeAddress = {
  card: (card: string) => `web+starling:${card}`,
  get: (link: string) => `web+starling:get/${link}`,
} as const

/**
 * The plain address of what came by the `web+starling:` scheme, which the browser hands over as
 * `#/c/web%2Bstarling%3A<card>` or `#/c/web%2Bstarling%3Aget%2F<link>` (public/manifest.webmanifest); null when it did not.
 */
export function plainAddress(hash: string): string | null {
  const [scheme, files] = /^#\/c\/web(?:\+|%2b)starling(?::|%3a)(get(?:\/|%2f))?/iu.exec(hash) ?? []
  if (scheme === undefined) return null
  const own = hash.slice(scheme.length)
  return files === undefined ? paths.card(own) : paths.get(own)
}
