import type { BrowserContext, Locator, Page } from 'playwright'
import { countDirectBytes } from './page-scripts.ts'

/** Someone using Starling in a browser of their own, by what they see and hear: roles, labels and words. */
export class Person {
  readonly context: BrowserContext
  readonly origin: string
  /** The tab they are looking at. */
  page: Page

  private constructor(context: BrowserContext, origin: string, page: Page) {
    this.context = context
    this.origin = origin
    this.page = page
  }

  /** @param origin of the relay that serves them the page */
  static async arrive(context: BrowserContext, origin: string): Promise<Person> {
    const person = new Person(context, origin, await context.newPage())
    await person.page.goto(origin)
    return person
  }

  // First visit

  /** Says a name, whatever was suggested. */
  async start(name: string): Promise<void> {
    await this.page.getByLabel('What should others call you?').fill(name)
    await this.page
      .getByRole('button', { name: /^(Start|Send the request|Show the files)$/ })
      .click()
    await this.navigation.waitFor()
  }

  // Screens

  get navigation(): Locator {
    return this.page.getByRole('navigation', { name: 'Screens' })
  }

  /** On a phone an open conversation hides the way to other screens: then back first. */
  async goTo(screen: 'Chats' | 'Contacts' | 'Files' | 'Network' | 'Settings'): Promise<void> {
    const link = this.navigation.getByRole('link', { name: screen })
    const back = this.page.getByRole('link', { name: /^Back/ })
    await link.or(back).first().waitFor()
    if (!(await link.isVisible())) await back.click()
    await link.click()
    await this.navigation.locator('[aria-current=page]', { hasText: screen }).waitFor()
  }

  // Files

  /** Shares these files, and gives the link to them. */
  async shareFiles(
    files: Parameters<Locator['setInputFiles']>[0],
    { description = '', password = '', people = '', copy = false } = {},
  ): Promise<string> {
    await this.goTo('Files')
    await this.page.locator('input[type=file]').first().setInputFiles(files)
    await this.page.getByLabel('Description').fill(description)
    await this.page.getByLabel('Password', { exact: true }).fill(password)
    await this.page.getByLabel('For how many people').fill(people)
    if (copy) {
      const choice = this.page.getByRole('group', { name: 'Keep a copy at a relay' })
      await choice.getByText('7 days').click()
    }
    await this.page.getByRole('button', { name: 'Make a link' }).click()
    const link = await this.page.getByText('#/get/').textContent({ timeout: 120_000 })
    return (link ?? '').trim()
  }

  /** Nothing comes or goes faster from now on. @param speed as it is offered, such as `1 MB/s` */
  limitSpeed(way: 'Getting' | 'Giving', speed: string): Promise<void> {
    return this.choose(`${way}, at most`, speed)
  }

  /** Chooses one of several in the settings. */
  async choose(what: string, choice: string): Promise<void> {
    await this.goTo('Settings')
    const choices = this.page.getByRole('group', { name: what })
    await choices.getByText(choice).click()
    await choices.getByRole('radio', { name: choice, checked: true }).waitFor()
  }

  /** Who has some of what they look at, or is being given some. */
  get transferPeople(): Locator {
    return this.page.getByRole('region', { name: 'People' }).getByRole('listitem')
  }

  /** How the transfer they look at stands. */
  transferState(words: string): Locator {
    return this.page.getByRole('status').filter({ hasText: words })
  }

  async givePassword(password: string): Promise<void> {
    await this.page.getByLabel('Password', { exact: true }).fill(password)
    await this.page.getByRole('button', { name: 'Open', exact: true }).click()
  }

  /** Presses what saves, and gives where the browser has put the file. */
  async saveDownload(button: string): Promise<string> {
    const download = this.page.waitForEvent('download')
    await this.page.getByRole('button', { name: button, exact: true }).click()
    return (await download).path()
  }

  // Meeting

  async openMyCode(): Promise<void> {
    await this.goTo('Contacts')
    await this.page.getByRole('link', { name: 'My code' }).first().click()
    await this.myCodePicture.waitFor()
  }

  get myCodePicture(): Locator {
    return this.page.getByRole('img', { name: 'QR code with a link to write to you' })
  }

  /** The link that leads to them. */
  async myLink(): Promise<string> {
    await this.openMyCode()
    await this.page.getByText('More', { exact: true }).click()
    const link = await this.page.getByLabel('Link', { exact: true }).textContent()
    return (link ?? '').trim()
  }

  /** How another libp2p program names them: `peerid@multiaddr`. */
  async myPlainAddress(): Promise<string> {
    await this.openMyCode()
    await this.page.getByText('More', { exact: true }).click()
    const plain = await this.page.getByText(/^12D3KooW\w+@/).textContent()
    return (plain ?? '').trim()
  }

  async openScan(): Promise<void> {
    await this.goTo('Contacts')
    await this.page.getByRole('link', { name: 'Scan a code' }).first().click()
    await this.page.getByLabel('Link or code').waitFor()
  }

  /** Shows themselves to those on the same network, for as long as the screen is open. */
  async showNearby(): Promise<void> {
    await this.openScan()
    await this.page.getByRole('link', { name: 'People nearby' }).click()
    await this.page.getByRole('button', { name: 'Show me to people nearby' }).click()
  }

  nearby(name: string): Locator {
    return this.page.getByRole('list', { name: 'People nearby' }).getByRole('link', { name })
  }

  /** Pastes where codes are scanned; what is said about it is for the test to look at. */
  async pasteCode(code: string): Promise<void> {
    await this.page.getByLabel('Link or code').fill(code)
    await this.page.getByRole('button', { name: 'Continue' }).click()
  }

  async choosePicture(picture: Buffer): Promise<void> {
    const file = { name: 'code.png', mimeType: 'image/png', buffer: picture }
    await this.page.locator('input[type=file]').setInputFiles(file)
  }

  /** Agrees to the person whose code was read, which leads to the conversation with them. */
  async addPreviewed(): Promise<void> {
    await this.page.getByRole('button', { name: /^Add/ }).click()
    await this.page.waitForURL(/#\/chat\//)
  }

  async openLink(link: string): Promise<void> {
    await this.page.goto(link)
  }

  /** Somebody who scanned my code, in the list of contacts. */
  request(name: string): Locator {
    return this.page
      .getByRole('region', { name: 'Requests' })
      .getByRole('listitem')
      .filter({ hasText: name })
      .filter({ has: this.page.getByRole('button', { name: 'Accept' }) })
  }

  async accept(name: string): Promise<void> {
    await this.goTo('Contacts')
    await this.request(name).getByRole('button', { name: 'Accept' }).click()
  }

  /** Becomes a contact of another by their link, on both sides. */
  async meet(other: Person, names: { mine: string; theirs: string }): Promise<void> {
    await this.openLink(await other.myLink())
    await this.addPreviewed()
    await other.accept(names.mine)
    await this.goTo('Contacts')
    await this.contact(names.theirs)
      .getByText(/^(Direct|Through a relay)$/)
      .waitFor()
  }

  /** Someone in the list of contacts. */
  contact(name: string): Locator {
    return this.page.getByRole('list', { name: 'People' }).getByRole('link', { name })
  }

  /** Where keys are compared with a contact. */
  async openSafetyWords(name: string): Promise<void> {
    await this.goTo('Contacts')
    await this.contact(name).click()
    await this.page.getByRole('link', { name: 'Compare safety words' }).click()
    await this.safetyPicture.waitFor()
  }

  /** The words on the screen where keys are compared. */
  safetyWords(): Promise<string[]> {
    return this.page
      .getByRole('list', { name: 'Safety words' })
      .getByRole('listitem')
      .allTextContents()
  }

  get safetyPicture(): Locator {
    return this.page.getByRole('img', { name: /^QR code of the safety words/ })
  }

  // Talking

  async openChat(name: string): Promise<void> {
    await this.goTo('Chats')
    await this.page.getByRole('main').getByRole('link', { name }).first().click()
    await this.composer.waitFor()
  }

  /** The conversations in the list, from the top. */
  get chats(): Locator {
    return this.page.getByRole('list', { name: 'Chats' }).getByRole('listitem')
  }

  /** Somebody in the list of conversations. */
  chat(name: string): Locator {
    return this.chats.filter({ hasText: name })
  }

  get composer(): Locator {
    return this.page.getByRole('textbox', { name: /^Message/ })
  }

  /** What stands under the name in the open conversation, such as “Direct”. */
  presence(words: string): Locator {
    return this.page.getByRole('main').getByText(words, { exact: true }).last()
  }

  async write(text: string): Promise<void> {
    await this.composer.fill(text)
    await this.composer.press('Enter')
    await this.message(text).waitFor()
  }

  /** A message in the open conversation. */
  message(text: string): Locator {
    return this.page.getByRole('article').filter({ hasText: text })
  }

  /** Chooses files to send in the open conversation. */
  async attach(files: Parameters<Locator['setInputFiles']>[0]): Promise<void> {
    await this.page.getByRole('main').locator('input[type=file]').setInputFiles(files)
    await this.page.getByRole('list', { name: 'About to be sent' }).waitFor()
  }

  async pressSend(): Promise<void> {
    await this.page.getByRole('button', { name: 'Send', exact: true }).click()
  }

  /** How far my message has come, in the words a screen reader gets. */
  state(text: string): Locator {
    return this.message(text).locator('[data-state]')
  }

  /** Of the first message with this text; one that answers it has it too. */
  async chooseForMessage(text: string, item: string): Promise<void> {
    await this.message(text).first().locator('.bubble').click({ button: 'right' })
    await this.page.getByRole('menuitem', { name: item, exact: true }).click()
  }

  async chooseInChatMenu(item: string): Promise<void> {
    await this.page.getByRole('button', { name: 'Chat menu' }).click()
    await this.page.getByRole('menuitem', { name: item }).click()
  }

  // The lock

  async setPassphrase(passphrase: string): Promise<void> {
    await this.goTo('Settings')
    await this.page.getByRole('button', { name: 'Set a passphrase…' }).click()
    await this.page.getByLabel('New passphrase', { exact: true }).fill(passphrase)
    await this.page.getByLabel('New passphrase again').fill(passphrase)
    await this.page.getByRole('button', { name: 'Set passphrase' }).click()
    await this.page.getByRole('button', { name: 'Lock now' }).waitFor()
  }

  async lock(): Promise<void> {
    await this.goTo('Settings')
    await this.page.getByRole('button', { name: 'Lock now' }).click()
    await this.lockScreen.waitFor()
  }

  get lockScreen(): Locator {
    return this.page.getByRole('heading', { name: 'Starling is locked' })
  }

  async unlock(passphrase: string): Promise<void> {
    await this.page.getByLabel('Passphrase', { exact: true }).fill(passphrase)
    await this.page.getByRole('button', { name: 'Unlock' }).click()
  }

  // The network

  /** A relay in the list of the network screen. */
  relayRow(relay: { port: number }): Locator {
    return this.page
      .getByRole('listitem')
      .filter({ has: this.page.getByRole('button', { name: /^Actions for/ }) })
      .filter({ hasText: `localhost:${relay.port}` })
  }

  async addRelay(address: string): Promise<void> {
    await this.page.getByLabel('Address of a relay').fill(address)
    await this.page.getByRole('button', { name: 'Add', exact: true }).click()
  }

  async chooseForRelay(relay: { port: number }, item: string): Promise<void> {
    await this.relayRow(relay)
      .getByRole('button', { name: /^Actions for/ })
      .click()
    await this.page.getByRole('menuitem', { name: item }).click()
  }

  // Their browser

  /** Bytes their tabs' WebRTC connections have carried. */
  async directBytes(): Promise<{ sent: number; received: number }> {
    const counts = await Promise.all(
      this.context.pages().map((page) => page.evaluate(countDirectBytes)),
    )
    return {
      sent: counts.reduce((sum, { sent }) => sum + sent, 0),
      received: counts.reduce((sum, { received }) => sum + received, 0),
    }
  }

  /** Closes every tab: with the last one the node stops. What is stored stays. */
  async leave(): Promise<void> {
    for (const page of this.context.pages()) await page.close({ runBeforeUnload: true })
  }

  async comeBack(): Promise<void> {
    this.page = await this.context.newPage()
    await this.page.goto(this.origin)
    await this.navigation.waitFor()
  }

  /** One more tab of the same browser, which becomes the one they look at. */
  async openTab(): Promise<Page> {
    await this.comeBack()
    return this.page
  }

  async reload(): Promise<void> {
    await this.page.reload()
  }
}
