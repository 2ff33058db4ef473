/**
 * The emoji of the picker: the ones people use most. Everything else comes from the system's own picker
 * (⌃⌘Space, ⊞., a phone's keyboard), which knows the person's language.
 */
export const EMOJI_GROUPS = [
  {
    name: 'faces',
    emoji: [
      '😀 😃 😄 😁 😆 😅 😂 🤣 😊 😇 🙂 🙃 😉 😌 😍 🥰 😘 😗 😙 😚 😋 😛 😝 😜',
      '🤪 🤨 🧐 🤓 😎 🥳 😏 😒 😞 😔 😟 😕 🙁 😣 😖 😫 😩 🥺 😢 😭 😤 😠 😡 🤬',
      '🤯 😳 🥵 🥶 😱 😨 😰 😥 😓 🤗 🤔 🤭 🤫 😶 😐 😑 😬 🙄 😯 😮 😲 🥱 😴 🤤',
      '😪 😵 🤐 🥴 🤢 🤧 😷 🤒 🤕 🤠 😈 👻 💀 👽 🤖 💩 🙈 🙉 🙊',
    ].flatMap((line) => line.split(' ')),
  },
  {
    name: 'gestures',
    emoji: [
      '✌️ 👋 🤚 🖖 👌 🤏 🤞 🤟 🤘 🤙 👈 👉 👆 👇 👍 👎 ✊ 👊 🤛 🤜 👏 🙌 👐 🤲',
      '🤝 🙏 💪 👀 🧠 👶 👧 👦 👩 👨 👵 👴 🤷 🤦 🙋 💁 🙅 🙆 🙇 🏃 💃 🕺',
    ].flatMap((line) => line.split(' ')),
  },
  {
    name: 'hearts',
    emoji: [
      '🧡 💛 💚 💙 💜 🖤 🤍 🤎 💔 💕 💞 💓 💗 💖 💘 💝 💯 💢 💥 💫 💦 💤 ✨ 🌟',
      '🔥 🎉 🎊 🎁 🎈 🎂 🏆 🥇 ⚽ 🏀 🎾 🎮 🎲 🎸 🎧 🎬 🎨 📚',
    ].flatMap((line) => line.split(' ')),
  },
  {
    name: 'nature',
    emoji: [
      '🐶 🐱 🐭 🐹 🐰 🦊 🐻 🐼 🐨 🐯 🦁 🐮 🐷 🐸 🐵 🐔 🐧 🐦 🐤 🦆 🦅 🦉 🐺 🐴',
      '🦄 🐝 🦋 🐌 🐞 🐢 🐍 🐙 🐬 🐳 🦈 🌵 🎄 🌲 🌳 🌴 🌱 🍀 🌹 🌻 🌸 🌼 🌞 🌙',
      '🌍 🌈 🌊',
    ].flatMap((line) => line.split(' ')),
  },
  {
    name: 'food',
    emoji: [
      '🍏 🍎 🍐 🍊 🍋 🍌 🍉 🍇 🍓 🍒 🍑 🥭 🍍 🥥 🥝 🍅 🥑 🥦 🥕 🌽 🥔 🍞 🥐 🧀',
      '🥚 🍳 🥞 🥓 🍗 🍔 🍟 🍕 🌭 🥪 🌮 🍝 🍜 🍣 🍱 🍦 🍩 🍪 🍰 🍫 🍬 🍿 🍵 🍺',
      '🍷 🥂 🍾',
    ].flatMap((line) => line.split(' ')),
  },
  {
    name: 'things',
    emoji: [
      '🚗 🚕 🚌 🚲 🚂 🚀 🚢 🏠 🏡 🏢 🏫 🏥 🗻 🏖️ 🌅 🌃 ⌚ 📱 💻 📷 🎥 📞 ⏰ ⏳',
      '💡 🔦 🔧 🔨 🔑 🔒 📦 📌 📎 📝 📅 📈 💰 💳 🎓 🎒 👑 👓 👕 👗 👟 🧢 🌂 ❓',
      '❗ ✅ ❌',
    ].flatMap((line) => line.split(' ')),
  },
] as const satisfies readonly { name: string; emoji: readonly string[] }[]

export type EmojiGroupName = (typeof EMOJI_GROUPS)[number]['name']
