"""The emotion detector that stands on the embedding's own forward pass: 28 labels, read as the eight feelings.

It hears the words as well, and only them where the layers say nothing: in a text without words (emoji), in a language
that the embedding model does not know, and when the encoder failed (`GoEmotionsWords`). What it does not understand it
calls neutral, without being sure.
"""

from collections import Counter
from typing import Final

from api.adapters.emotion_head import Floats, Head, Terms
from api.adapters.emotion_words import features, is_sarcastic, signs_only
from api.ports import Encoding
from domain.affect import FEELINGS, SHADES
from domain.emotion import NEUTRAL, Emotion

VERSION: Final = 1
"""Of how a text is read; that of the weights is their hash."""

UNDERSTOOD: Final = 0.5
"""Share of a text's words that must be known for it to be read as English: of English it is nearly all, of other
languages a quarter at most."""

DOUBT: Final = 0.5
"""What is left of every probability in a text that is not understood and shows no sign of feeling (emoji)."""

PRAISE: Final = ("joy", "love")
TURNED: Final = 0.7
"""Share of praise that is anger where a marker of sarcasm stands."""

NOTHING_COUNTS: Final = 0.8
"""What neutral counts beside a feeling when the dominant one is sought. On GoEmotions' dev set, thinned to the share of
feelings that chats have (14 %), this costs nothing, and it finds more of the lines in which something is felt."""

LIKELY: Final = 0.05
"""Probability from which a shade is told of."""

_SHADES: Final = {shade: of for of, shades in SHADES.items() for shade in shades if shade not in FEELINGS}


class GoEmotionsDetector:
    """An EmotionDetector. Probabilities of the eight feelings and of their likely shades, calibrated."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.name = f"goemotions:{VERSION}:{head.name}"

    def detect(self, text: str, encoding: Encoding | None) -> Emotion:
        """By the layers and the words, or by the words alone."""
        counts = Counter(features(text))
        terms = self._head.vocabulary.weigh(counts)
        if encoding is None or encoding.layers is None or not _understood(terms):
            return _heard(self._head, text, counts, terms)
        layers = encoding.layers.reshape(len(encoding.layers), -1)
        return _emotion(self._head, text, self._head.read(layers, terms))


class GoEmotionsWords:
    """An EmotionDetector for texts that could not be encoded: the same head, by the words alone."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self.name = f"goemotions-words:{VERSION}:{head.name}"

    def detect(self, text: str, encoding: Encoding | None) -> Emotion:
        """By the words alone."""
        counts = Counter(features(text))
        return _heard(self._head, text, counts, self._head.vocabulary.weigh(counts))


def _understood(terms: Terms) -> bool:
    return terms.words > 0 and terms.known >= terms.words * UNDERSTOOD


def _heard(head: Head, text: str, counts: Counter[str], terms: Terms) -> Emotion:
    """By the words; in another language by what stands between them."""
    if not terms.words or _understood(terms):
        return _emotion(head, text, head.read_words(terms))
    signs = signs_only(counts)
    trust = 1.0 if any(sign.startswith("=") for sign in signs) else DOUBT
    return _emotion(head, text, head.read_words(head.vocabulary.weigh(signs)) * trust)


def _emotion(head: Head, text: str, probabilities: Floats) -> Emotion:
    found = dict(zip(head.outputs, map(float, probabilities), strict=True))
    feelings = {feeling: found[f"feeling:{feeling}"] for feeling in FEELINGS}
    praised = max(feelings[feeling] for feeling in PRAISE)
    turned = TURNED if praised > LIKELY and is_sarcastic(text) else 0.0
    praise = {feeling: feelings[feeling] * turned for feeling in PRAISE}
    feelings |= {feeling: feelings[feeling] - share for feeling, share in praise.items()}
    feelings["anger"] += (1 - feelings["anger"]) * max(praise.values())
    shades = {shade: found[shade] * (1 - turned if of == "joy" else 1) for shade, of in _SHADES.items()}
    likely = {shade: probability for shade, probability in shades.items() if probability >= LIKELY}
    labels = {label: round(probability, 4) for label, probability in {**feelings, **likely}.items()}
    dominant = max(FEELINGS, key=lambda feeling: labels[feeling] * (NOTHING_COUNTS if feeling == NEUTRAL else 1))
    return Emotion(labels=labels, dominant=dominant, confidence=labels[dominant])
