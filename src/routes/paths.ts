/** In the place of a contact's id: my own code, and the scanner. No peer id looks like them. */
export const MY_CODE = 'code'
export const SCAN = 'scan'

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

/**
 * The plain address of a card that came by the `web+starling:` scheme, which the browser hands over as
 * `#/c/web%2Bstarling%3A<card>` (public/manifest.webmanifest); null when it did not.
 */
export function plainCardAddress(hash: string): string | null {
  const card = cardIn(hash)
  const scheme = /^web(?:\+|%2b)starling(?::|%3a)/iu
  return card !== null && scheme.test(card) ? paths.card(card.replace(scheme, '')) : null
}
