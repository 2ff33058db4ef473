/**
 * The emoji of the picker: the ones people use most, a row of tabs' worth each. Everything else comes from the
 * system's own picker (⌃⌘Space, ⊞., a phone's keyboard), which knows the person's language.
 */
export const EMOJI_GROUPS = [
  {
    name: 'faces',
    emoji: [
      ...'😀😃😄😁😆😅😂🤣😊😇🙂🙃😉😌😍🥰😘😗😙😚😋😛😝😜🤪🤨🧐🤓😎🥳',
      ...'😏😒😞😔😟😕🙁😣😖😫😩🥺😢😭😤😠😡🤬🤯😳🥵🥶😱😨😰😥😓🤗🤔🤭',
      ...'🤫😶😐😑😬🙄😯😮😲🥱😴🤤😪😵🤐🥴🤢🤧😷🤒🤕🤠😈👻💀👽🤖💩🙈🙉🙊',
    ],
  },
  {
    name: 'gestures',
    emoji: [
      '✌️',
      ...'👋🤚🖖👌🤏🤞🤟🤘🤙👈👉👆👇👍👎✊👊🤛🤜👏🙌👐🤲🤝🙏💪👀🧠👶👧👦👩👨👵👴🤷🤦🙋💁🙅🙆🙇🏃💃🕺',
    ],
  },
  {
    name: 'hearts',
    emoji: [
      ...'🧡💛💚💙💜🖤🤍🤎💔💕💞💓💗💖💘💝💯💢💥💫💦💤✨🌟🔥🎉🎊🎁🎈🎂🏆🥇⚽🏀🎾🎮🎲🎸🎧🎬🎨📚',
    ],
  },
  {
    name: 'nature',
    emoji: [
      ...'🐶🐱🐭🐹🐰🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧🐦🐤🦆🦅🦉🐺🐴🦄🐝🦋🐌🐞🐢🐍🐙🐬🐳🦈🌵🎄🌲🌳🌴🌱🍀🌹🌻🌸🌼🌞🌙🌍🌈🌊',
    ],
  },
  {
    name: 'food',
    emoji: [
      ...'🍏🍎🍐🍊🍋🍌🍉🍇🍓🍒🍑🥭🍍🥥🥝🍅🥑🥦🥕🌽🥔🍞🥐🧀🥚🍳🥞🥓🍗🍔🍟🍕🌭🥪🌮🍝🍜🍣🍱🍦🍩🍪🍰🍫🍬🍿🍵🍺🍷🥂🍾',
    ],
  },
  {
    name: 'things',
    emoji: [
      ...'🚗🚕🚌🚲🚂🚀🚢🏠🏡🏢🏫🏥🗻🏖🌅🌃⌚📱💻📷🎥📞⏰⏳💡🔦🔧🔨🔑🔒📦📌📎📝📅📈💰💳🎓🎒👑👓👕👗👟🧢🌂❓❗✅❌',
    ],
  },
] as const satisfies readonly { name: string; emoji: readonly string[] }[]

export type EmojiGroupName = (typeof EMOJI_GROUPS)[number]['name']
