"""A client's transcript against the path: what matches from the tail is skipped, what follows is appended.

Dialogues are written as letters: capitals are the user's messages, small letters the assistant's.
"""

import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages import Message
from domain.path import apply_splices
from domain.records import TurnKind
from domain.transcript import LONGEST_CUT, Append, Known, Operation, Rearrange, Reconciliation, key, reconcile

FIRST_VERSION = 10
letters = st.text(alphabet="Aab", max_size=8)


def message(letter: str) -> Message:
    role = "user" if letter.isupper() else "assistant"
    return Message(role=role, text=letter, said_at="2026-03-01T12:00:00+00:00")


def known(path: str, before: int = 0) -> Known:
    messages = [message(letter) for letter in path]
    return Known(
        versions=[FIRST_VERSION + place for place in range(len(path))],
        keys=[key(one.role, one.text) for one in messages],
        before=before,
    )


def meant(path: str, transcript: str, before: int = 0) -> Reconciliation:
    return reconcile([message(letter) for letter in transcript], known(path, before))


def carried_out(path: str, operations: list[Operation]) -> str:
    """The path as the operations leave it."""
    letters = dict(enumerate(path, start=FIRST_VERSION))
    now = list(letters)
    for operation in operations:
        if isinstance(operation, Append):
            letters[fresh := max(letters, default=0) + 1] = operation.message.text
            now.append(fresh)
        else:
            assert isinstance(operation, Rearrange)
            now = list(apply_splices(now, operation.splices))
    return "".join(letters[version] for version in now)


RULES: list[tuple[str, str, str, str, TurnKind]] = [
    # why, path, transcript, path afterwards, kind of turn
    ("a first message is appended", "", "A", "A", "new"),
    ("the whole of an unknown history is appended", "", "AaB", "AaB", "new"),
    ("what is known is skipped", "Aa", "AaB", "AaB", "new"),
    ("a transcript trimmed at its head is placed by its tail", "AaBb", "bC", "AaBbC", "new"),
    ("a thin client's newest message is appended", "AaBb", "C", "AaBbC", "new"),
    ("a thin client may say the same twice", "Aa", "A", "AaA", "new"),
    ("several new messages are appended in order", "Aa", "AaBcD", "AaBcD", "new"),
    ("a retry after an error stores nothing twice", "AaB", "AaB", "AaB", "regenerate"),
    ("without the last reply it is to be written again", "AaBb", "AaB", "AaB", "regenerate"),
    ("a swipe goes on from another message", "AaBb", "AaC", "AaC", "new"),
    ("several last messages may leave at once", "AaBbCc", "AaB", "AaB", "regenerate"),
    ("an unknown history before a known end is left alone", "Bb", "AaBbC", "BbC", "new"),
    ("nothing leaves when less than two messages match", "Aab", "A", "AabA", "new"),
    ("nothing leaves when nothing matches", "AaBb", "CcD", "AaBbCcD", "new"),
    ("an assistant's message last is an empty send", "Aa", "Aa", "Aa", "empty"),
    ("a new assistant's message last is kept, and is an empty send", "A", "Ab", "Ab", "empty"),
    ("no dialogue at all is an empty send", "Aa", "", "Aa", "empty"),
    ("no dialogue at all in a new session is one too", "", "", "", "empty"),
]


@pytest.mark.parametrize(
    ("path", "transcript", "after", "kind"), [rule[1:] for rule in RULES], ids=[r[0] for r in RULES]
)
def test_rule(path: str, transcript: str, after: str, kind: TurnKind):
    result = meant(path, transcript)

    assert carried_out(path, result.operations) == after
    assert result.kind == kind


def test_each_message_of_the_transcript_is_told_the_version_it_matched():
    assert meant("Aa", "AaB").matched == [10, 11, None]
    assert meant("AaBb", "bC").matched == [13, None]
    assert meant("Bb", "AaBbC").matched == [None, None, 10, 11, None]
    assert meant("AaBb", "AaC").matched == [10, 11, None]


def test_what_leaves_is_named_by_its_place_on_the_whole_path():
    swipe, _ = meant("AaBb", "AaC", before=100).operations

    assert swipe == Rearrange("swipe", [{"at": 102, "out": [[12, 13]], "in": []}])


def test_more_than_a_swipe_never_leaves():
    path = "Aa" + "Bb" * (LONGEST_CUT // 2)

    assert meant(path, "Aa").operations[0] != meant(path + "C", "Aa").operations[0]
    assert carried_out(path, meant(path, "Aa").operations) == "Aa"
    assert carried_out(path + "C", meant(path + "C", "Aa").operations) == path + "CAa"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Café", "Cafe\N{COMBINING ACUTE ACCENT}"),
        ("  two\n\nlines ", "two lines"),
        ("Straße", "STRASSE"),
        ("no\N{NO-BREAK SPACE}break", "no break"),
    ],
)
def test_messages_are_equal_up_to_normal_form_white_space_and_case(one: str, other: str):
    assert key("user", one) == key("user", other)


def test_messages_of_different_roles_are_never_equal():
    assert key("user", "Hi") != key("assistant", "Hi")


def placed_by_trying(transcript: str, path: str) -> tuple[int, int]:
    """The two rules as they are meant, tried out in the order of preference."""
    for kept in range(len(path), max(0, len(path) - LONGEST_CUT - 1), -1):
        for taken in range(len(transcript), 0, -1):
            overlap = min(taken, kept)
            enough = overlap >= (1 if kept == len(path) else 2)
            if enough and transcript[taken - overlap : taken] == path[kept - overlap : kept]:
                return taken, kept
    return 0, len(path)


@given(letters, letters)
def test_the_place_is_the_one_that_trying_everything_finds(path: str, transcript: str):
    taken, kept = placed_by_trying(transcript, path)

    assert carried_out(path, meant(path, transcript).operations) == path[:kept] + transcript[taken:]


@given(letters, letters)
def test_a_transcript_that_was_taken_in_brings_nothing_new(path: str, transcript: str):
    after = carried_out(path, meant(path, transcript).operations)

    again = meant(after, transcript)

    assert again.operations == []


@given(letters, letters)
def test_what_matched_reads_the_same(path: str, transcript: str):
    matched = meant(path, transcript).matched

    assert len(matched) == len(transcript)
    for letter, version in zip(transcript, matched, strict=True):
        assert version is None or path[version - FIRST_VERSION] == letter


N = 10_000
THOUSANDS: dict[str, tuple[list[int], list[int]]] = {
    "all known": ([*range(N)], [*range(N)]),
    "all new": ([*range(N)], [*range(N, 2 * N)]),
    "always the same": ([0] * N, [0] * N),
    "always the same, but for the first": ([-1] + [0] * (N - 1), [-2] + [0] * (N - 1)),
    "in turns": ([0, 1] * (N // 2), [2] + [0, 1] * (N // 2)),
}


@pytest.mark.parametrize("case", THOUSANDS)
def test_ten_thousand_messages_are_placed_on_ten_thousand_in_no_time(case: str):
    of_path, of_transcript = THOUSANDS[case]
    path = [key("user", f"Message {number}") for number in of_path]
    transcript = [
        Message(role="user", text=f"Message {number}", said_at="2026-03-01T12:00:00+00:00") for number in of_transcript
    ]
    end_of_path = Known(versions=range(1, N + 1), keys=path, before=0)

    assert min(seconds_of(transcript, end_of_path) for _ in range(5)) < 0.05


def seconds_of(transcript: list[Message], path: Known) -> float:  # pragma: no cover (it runs untraced)
    """CPU time, so that a busy machine does not count, and without the tracing that measures coverage."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        began = time.process_time()
        reconcile(transcript, path)
        return time.process_time() - began
    finally:
        sys.settrace(tracer)
