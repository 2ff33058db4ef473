import { expect, test } from './fixtures.ts'

test.use({ locale: 'ru-RU' })

test('a Russian browser is welcomed in Russian, and meets and writes in it', async ({
  stranger,
}) => {
  const anna = await stranger({ locale: 'ru-RU' })
  await expect(anna.page.locator('html')).toHaveAttribute('lang', 'ru')

  await anna.page.getByRole('textbox').fill('Анна')
  await anna.page.getByRole('button', { name: 'Начать' }).click()

  for (const screen of ['Контакты', 'Сеть', 'Настройки', 'Чаты']) {
    await anna.page.getByRole('navigation').getByRole('link', { name: screen }).click()
    await expect(anna.page.getByRole('heading', { level: 1, name: screen })).toBeVisible()
  }
  await anna.page.getByRole('link', { name: 'Заметки' }).click()
  await anna.page.getByRole('textbox', { name: /^Сообщение/ }).fill('ключ под ковриком')
  await anna.page.keyboard.press('Enter')
  await expect(anna.message('ключ под ковриком')).toBeVisible()
})

test('the language is changed at once and kept', async ({ person }) => {
  const anna = await person('Anna', { locale: 'en-GB' })
  await anna.goTo('Settings')

  await anna.page.getByText('Русский').click()

  await expect(anna.page.getByRole('heading', { level: 1, name: 'Настройки' })).toBeVisible()
  await anna.reload()
  await expect(anna.page.getByRole('heading', { level: 1, name: 'Настройки' })).toBeVisible()
})
