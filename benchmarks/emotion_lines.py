"""Lines of our own for training the emotion head: what chats have and comments on Reddit lack.

Emoji and acted feelings (`*sobs*`) are rare in GoEmotions, denied and mocked ones often labelled by their words. The
lines are made of a few patterns, some sixteen hundred of them beside 43,000 comments. None is one of the 200 chat lines
that the detectors are judged on (`chat_lines.tsv`), though whoever wrote both had the same kinds of lines in mind.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final

from api.adapters.emotion_lexicon import SIGNS

ADJECTIVES: Final = {
    "joy": ("happy", "glad", "delighted", "excited", "thrilled", "proud", "cheerful", "overjoyed"),
    "sadness": ("sad", "lonely", "miserable", "heartbroken", "depressed", "disappointed", "sorry"),
    "anger": ("angry", "furious", "mad", "annoyed", "irritated", "outraged"),
    "fear": ("afraid", "scared", "terrified", "worried", "nervous", "frightened", "anxious"),
    "surprise": ("surprised", "shocked", "astonished", "amazed"),
    "disgust": ("disgusted", "grossed out", "repulsed", "sickened"),
}
FELT: Final = (
    "I am so {}.", "I'm {} today", "She looked {}.", "We were all {} about it.", "I have never felt so {}.",
    "I couldn't be more {}.", "He never looked more {}.", "You make me {}.", "I was really {} when I heard that.",
)  # fmt: skip
DENIED: Final = (
    "I'm not {}.", "I am not {} about that.", "He isn't {}.", "She wasn't {} at all.", "Nobody here is {}.",
    "I never was {}, you know.", "There is no reason to be {}.", "I don't feel {} any more.", "They weren't really {}.",
)  # fmt: skip

ACTED: Final = {
    "joy": ("laughs out loud", "grins widely", "claps happily", "giggles", "smiles brightly", "cheers"),
    "sadness": ("sobs", "weeps", "lowers her head, crying", "sighs sadly", "fights back tears", "voice breaking"),
    "anger": ("scowls", "slams his fist on the table", "glares at you", "grits her teeth", "snarls", "yells", "fumes"),
    "fear": ("trembles", "hides behind the door", "steps back in fear", "voice shaking", "shudders", "turns pale"),
    "surprise": ("gasps", "eyes widen", "blinks", "stares, mouth open", "looks up, startled", "drops the cup in shock"),
    "disgust": ("gags", "grimaces in disgust", "holds his nose", "spits it out", "recoils from the smell"),
    "love": ("kisses you softly", "pulls you close", "strokes her hair", "cuddles up to him", "gazes at you lovingly"),
    "neutral": (
        "nods", "sits down", "pours a cup of coffee", "opens the door", "looks around", "picks up the book",
        "walks along the shore", "leans against the wall", "puts the keys on the table", "waits", "turns the page",
    ),
}  # fmt: skip
SAID: Final = ("Come in.", "It is late already.", "So this is the place.", "We talked about it.", "They are here.")

MOCKED: Final = (
    "Oh great, {}.", "Wonderful, {}.", "Perfect timing, {}.", "How nice, {}.", "I just love it when {}.",
    "Well done, {}.", "{}. Fantastic.", "Thanks a lot, {}.", "Amazing, {}. Just amazing.",
)  # fmt: skip
BAD: Final = (
    "the car broke down again", "my phone died", "they lost my luggage", "we missed the last bus", "you forgot me",
    "the heating is off again", "nobody told me", "I get to clean up after everyone", "the file is corrupted",
)  # fmt: skip
GOOD: Final = (
    "the parcel is here", "we made it in time", "you found my keys", "everyone could come", "the garden is in bloom",
    "she passed the exam", "you remembered", "the fever is gone", "it works now",
)  # fmt: skip

PLAIN: Final = ("see you tomorrow", "just got home", "talked to my mother", "so this happened", "look at that")


def lines() -> Iterator[tuple[str, str]]:
    """Texts with the label of GoEmotions that is right for each."""
    for feeling, adjectives in ADJECTIVES.items():
        for pattern, adjective in product(FELT, adjectives):
            yield pattern.format(adjective), feeling
        for pattern, adjective in product(DENIED, adjectives):
            yield pattern.format(adjective), "disappointment" if feeling == "joy" else "neutral"
    for feeling, actions in ACTED.items():
        for action in actions:
            yield f"*{action}*", feeling
            for said in SAID:
                yield f"*{action}* {said}", feeling
    for pattern in MOCKED:
        yield from ((pattern.format(what), "annoyance") for what in BAD)
        yield from ((pattern.format(what), "joy") for what in GOOD)
    for number, (sign, feeling) in enumerate(SIGNS.items()):
        yield f"{sign} {sign}", feeling
        yield sign * 4, feeling
        for step in range(2):
            yield f"{PLAIN[(number + step) % len(PLAIN)]} {sign}", feeling
