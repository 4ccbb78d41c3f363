"""API keys: how they are written, whose they are, and who is let in."""

import hashlib
from collections.abc import Sequence

import pytest

from api.access.keys import ApiKey, file_keys, inline_keys, new_key, owned, owner_of
from api.access.owners import Everybody, KeyHolders
from api.access.refusals import Unauthorized
from tests.owners import NoFile, holders


def digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def test_keys_are_named_inline_with_their_owners_or_without() -> None:
    keys = inline_keys(f"mira:one, bob:two ,three, eve:sha256:{digest('four')},")

    assert [owner_of(keys, key) for key in ("one", "two", "three", "four", "five")] == [
        "mira",
        "bob",
        "local",
        "eve",
        None,
    ]


def test_a_key_may_hold_a_colon_behind_its_owner() -> None:
    assert owner_of(inline_keys("mira:one:two"), "one:two") == "mira"


def test_an_owner_may_have_several_keys() -> None:
    keys = inline_keys("mira:one,mira:two,mira:two")

    assert [owner_of(keys, key) for key in ("one", "two")] == ["mira", "mira"]
    assert len(keys) == 2


def test_what_is_kept_of_a_key_does_not_hold_it() -> None:
    (key,) = inline_keys("mira:very-secret")

    assert "very-secret" not in repr(key)
    assert "very-secret" not in key.line()
    assert key.id == digest("very-secret")[:8]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mi ra:key", "an owner's name has up to 64 letters"),
        (":key", "an owner's name has"),
        ("ü:key", "an owner's name has"),
        ("mira:", "a key has 1 to 512 printable"),
        ("mira:very secret", "a key has 1 to 512 printable"),
        ("mira:sha256:abc", "sha256: must be followed by 64 hexadecimal digits"),
        ("sha256:abc", "sha256: must be followed by 64 hexadecimal digits"),
        ("mira:one,bob:one", "the same key is given to mira and to bob"),
    ],
)
def test_what_is_no_key_is_said_without_telling_it(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        inline_keys(text)

    assert "secret" not in str(refused.value)


def test_a_key_file_is_read_as_it_was_written() -> None:
    keys = [owned("mira", "one", "2026-11-28T00:20:00+00:00"), owned("bob", "two")]

    assert file_keys("# who\n\n" + "".join(f"{key.line()}\n" for key in keys)) == tuple(keys)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mira one", "line 2 is not: owner, sha256:DIGEST"),
        ("mira", "line 2 is not: owner, sha256:DIGEST"),
        ("mira sha256:12", "line 2: sha256: must be followed"),
        (f"mi:ra sha256:{digest('one')}", "line 2: an owner's name has"),
    ],
)
def test_a_wrong_line_of_a_key_file_is_named(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        file_keys(f"# who\n{line}\n")


def test_new_keys_are_long_and_never_the_same() -> None:
    keys = {new_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(key.startswith("hl-") and len(key) == 46 for key in keys)


@pytest.mark.parametrize("key", [None, "", "anything"])
def test_without_keys_everybody_is_let_in(key: str | None) -> None:
    assert Everybody().of(key) == "local"
    assert holders("").of(key) == "local"


@pytest.mark.parametrize("key", [None, ""])
def test_no_key_is_told_how_to_send_one(key: str | None) -> None:
    with pytest.raises(Unauthorized, match="Authorization: Bearer"):
        holders("mira:one").of(key)


def test_a_wrong_key_is_not_repeated() -> None:
    with pytest.raises(Unauthorized) as refused:
        holders("mira:one").of("my-secret")

    assert refused.value.message == "Incorrect API key provided."


def test_a_closed_server_lets_nobody_in_without_keys() -> None:
    """It listens to the whole network, and somebody emptied the key file."""
    with pytest.raises(Unauthorized):
        holders("", closed=True).of("anything")


class Changing:
    """A key file whose keys change."""

    def __init__(self) -> None:
        self.keys: Sequence[ApiKey] = ()

    def current(self) -> Sequence[ApiKey]:
        return self.keys


def test_the_first_key_closes_the_door_and_taking_it_away_does_not_open_it() -> None:
    file = Changing()
    door = KeyHolders(inline=(), file=file, closed=False)
    assert door.of(None) == "local"

    file.keys = inline_keys("mira:one")
    assert door.of("one") == "mira"
    file.keys = ()

    with pytest.raises(Unauthorized):
        door.of("one")


def test_keys_of_the_file_and_inline_are_let_in_together() -> None:
    door = KeyHolders(inline=inline_keys("mira:one"), file=NoFile(inline_keys("bob:two")), closed=False)

    assert [door.of(key) for key in ("one", "two")] == ["mira", "bob"]
