"""Pictures of requests under way, and those that are stored."""

import pytest

from api.chat.album import Album
from api.ports import Picture
from domain.errors import Unavailable


def stored(sha256: str) -> bytes:
    if sha256 != "old":
        raise Unavailable("It is not there.")
    return b"stored"


def drawn(sha256: str) -> Picture:
    return Picture(sha256=sha256, media_type="image/png", content=b"held")


def test_what_is_held_is_known_and_what_is_stored_too() -> None:
    album = Album(stored)

    with album.holding([drawn("new")]):
        assert (album.read("new"), album.read("old")) == (b"held", b"stored")
        with pytest.raises(Unavailable):
            album.read("another")


def test_what_two_hold_is_known_until_both_let_go() -> None:
    album = Album(stored)

    with album.holding([drawn("new")]):
        with album.holding([drawn("new")]):
            pass
        assert album.read("new") == b"held"

    with pytest.raises(Unavailable):
        album.read("new")
