"""Which emotion detector reads, by the name that the settings give it: a part of the composition root."""

import logging
from pathlib import Path

from api.adapters.emotion_head import WEIGHTS, load_head
from api.adapters.goemotions import GoEmotionsDetector, GoEmotionsWords
from api.ports import EmotionDetector
from domain.emotion import KeywordDetector
from domain.errors import Unavailable

logger = logging.getLogger(__name__)


def detectors(name: str, weights: Path = WEIGHTS) -> list[EmotionDetector]:
    """The detector in force, and that of texts that were not encoded; keywords where the weights are damaged."""
    if name == "keywords":
        return [KeywordDetector()]
    try:
        head = load_head(weights)
    except Unavailable as error:
        logger.error("emotions are read by keywords: %s", error)
        return [KeywordDetector()]
    return [GoEmotionsDetector(head), GoEmotionsWords(head)]
