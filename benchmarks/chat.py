"""A made-up conversation of any length: two people, plain sentences, always the same for a seed."""

import itertools
import random
from datetime import UTC, datetime, timedelta

from domain.messages import Message

PEOPLE = ("my sister", "the baker", "our neighbour", "Tomas", "the old captain", "Ines", "my teacher", "the doctor")
DEEDS = ("painted", "sold", "lost", "repaired", "found", "borrowed", "dreamt of", "forgot", "bought", "hid")
THINGS = ("a blue boat", "the garden gate", "a letter", "two bicycles", "the violin", "a map of the coast", "the keys")
PLACES = ("in Lisbon", "by the river", "at the market", "behind the school", "on the train", "in the attic")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FEELINGS = ("I was so happy about it!", "It made me sad.", "I am a bit worried.", "Nobody noticed.", "Strange, no?")


def conversation(count: int, *, seed: int = 1) -> list[Message]:
    """`count` messages, user and assistant in turn, a quarter of an hour apart, ending now."""
    chance = random.Random(seed)
    start = datetime.now(UTC) - timedelta(minutes=15 * count)
    return [
        Message(
            role="assistant" if place % 2 else "user",
            text=_line(chance),
            said_at=(start + timedelta(minutes=15 * place)).isoformat(),
            origin="imported",
        )
        for place in range(count)
    ]


def questions(count: int, *, seed: int = 2) -> list[str]:
    """Questions about what the conversation may hold, each another one: an encoding is not made twice."""
    every = [
        f"What did {who} do with {thing} {place} on {day}?"
        for who, thing, place, day in itertools.product(PEOPLE, THINGS, PLACES, DAYS)
    ]
    return random.Random(seed).sample(every, count)


def _line(chance: random.Random) -> str:
    sentences = [
        f"{chance.choice(PEOPLE).capitalize()} {chance.choice(DEEDS)} {chance.choice(THINGS)} {chance.choice(PLACES)}."
        for _ in range(chance.randint(1, 4))
    ]
    return " ".join([*sentences, chance.choice(FEELINGS)])
