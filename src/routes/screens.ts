/** Which component stands at which address. Each is loaded when it is first opened. */
import { createRouter } from 'sv-router'

const chats = () => import('./chats/Chats.svelte')
const contacts = () => import('./contacts/Contacts.svelte')
const transfers = () => import('./transfers/Transfers.svelte')
const settings = () => import('./settings/Settings.svelte')

// The same component at two addresses stays mounted while a person goes between them.
export const router = createRouter({
  '/': chats,
  '/chat/:id': chats,
  '/contacts': contacts,
  '/contacts/:id': contacts,
  '/contacts/:id/safety': contacts,
  '/c/:card': contacts,
  '/files': transfers,
  '/files/:id': transfers,
  '/get/:link': transfers,
  '/network': () => import('./network/Network.svelte'),
  '/settings': settings,
  '/settings/:part': settings,
  '*': () => import('./NotFound.svelte'),
})
