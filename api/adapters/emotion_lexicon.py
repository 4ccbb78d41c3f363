"""Words and emoji of feeling, as hints: what they are worth, the emotion head learns from its examples.

A hint stands for all its words, so that a rare one (sobs, revolting) is known by the common ones. It decides nothing.
"""

from typing import Final

from domain.emotion import KEYWORDS

_WORDS: Final = {
    "joy": """
        laughs chuckle chuckles chuckled giggle giggles giggling giggled grin grins grinned grinning beam beams beaming
        cheer cheers cheered cheering celebrate celebrates celebrating celebration won winning victory hooray hurray
        woohoo lucky relieved relief thankful grateful thank thanks blessed brilliant lovely perfect best beautiful haha
        hahaha lol lmao funny hilarious funniest grinning overjoyed ecstatic giddy pleased content proudly pride
        congratulations congrats""",
    "sadness": """
        sob sobs sobbed sobbing weep weeps weeping wept tear teary tearful heartbreaking heartbreak mourn mourns mourns
        funeral died dies dead passed gone disappointed disappointing disappointment regret regrets ashamed guilty guilt
        ashamed apologize apologise sorrowful gloomy down empty hurt hurts broken despair devastated homesick upset sigh
        sighs sighed pity tragic poor unfortunate unfortunately""",
    "anger": """
        angrily furiously growl growls growled snarl snarls glare glares glared glaring scowl scowls clench clenches
        clenched slam slams slammed yell yells yelled shout shouts shouted scream screams idiot idiots stupid moron fool
        jerk bastard bitch asshole damn fuck fucking fucked hell shit bullshit pissed livid fed betrayed liar lied lying
        blame ridiculous pathetic shut hates annoy annoys irritating outrageous infuriating greedy rude""",
    "fear": """
        fearful frightening frighten frightens terrifies terrify tremble trembles trembled trembling shiver shivers
        shivered shivering shudder shudders shaking shake shakes cower cowers danger dangerous threat threatened creepy
        creeped spooky nightmare nightmares panicked panicking uneasy worrying nervously anxiously dreading phobia
        hide hiding horrifying""",
    "surprise": """
        surprises amazed amazing astonishes gasp gasps gasped stunned startled startle startles blink blinks speechless
        whoa woah omg wtf unreal mindblowing shock""",
    "disgust": """
        disgusts gag gags gagged vomit vomits puke puking filthy filth rotten stink stinks stinking stench foul
        grossed yucky eww ewww ugh revolts slimy mouldy moldy cringe creep creeps perverted""",
    "love": """
        embrace embraces embraced cuddle cuddles cuddled cuddling snuggle snuggles caress caresses kisses kissing hugs
        hugging adores adoring adorable beloved honey babe baby crush soulmate loveliest tenderly affectionate""",
}

_EMOJI: Final = {
    "joy": "😀😃😄😁😆😅🤣😂🙂😊😇🤩😋😛😜🤪😝🤗🥳😎😺😸😹🎉🎊🙌👏👍💪✨🔥💯🌟😌🤭☺🏆",
    "sadness": "😢😭😞😔😟🙁☹😣😖😩😥😪😿💔🥺😓🥀",
    "anger": "😠😡🤬😤💢👿🙄🖕😒😾",
    "fear": "😨😱😰😧😦🫣🙀😬",
    "surprise": "😮😲😯🤯😳🫢",
    "disgust": "🤢🤮😷🤧💩",
    "love": "❤😍🥰😘😗😙😚💕💖💗💘💝💞💓💜💙💚💛🧡🖤🤍♥😻💋🫶💏💑",
}

_EMOTICONS: Final = {
    "joy": ":) :-) :D :-D =) ;) ;-) xD XD :P :p ^_^ (:",
    "sadness": ":( :-( :'( =( T_T ;_; </3 :/ :-/",
    "love": "<3",
    "surprise": ":o :O :-o :-O",
}

HINTS: Final = {
    **{word: feeling for feeling, words in KEYWORDS.items() for word in words.split() if word.isalpha()},
    **{word: feeling for feeling, words in _WORDS.items() for word in words.split()},
}
"""The feeling that a word hints at."""

SIGNS: Final = {
    **{emoji: feeling for feeling, emojis in _EMOJI.items() for emoji in emojis},
    **{face: feeling for feeling, faces in _EMOTICONS.items() for face in faces.split()},
}
"""The feeling that an emoji or an emoticon hints at."""

SUMMED: Final = [
    *(f"={feeling}" for feeling in KEYWORDS),
    *(f"=not:{feeling}" for feeling in KEYWORDS),
    *(f"=sign:{feeling}" for feeling in KEYWORDS),
    *("=caps", "=not", "!", "!!", "?", "??", ".."),
]
"""What is counted for the layers' reader too, so that it can tell a denied feeling from one that is felt."""
