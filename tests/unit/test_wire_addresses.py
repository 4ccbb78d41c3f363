"""How a request names its session, and which page or version it asks for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.chat.request import Address
from api.wire import query
from api.wire.address import Names, decoded, encoded, session_address, session_id
from domain.errors import InvalidRequest


def test_the_first_place_that_names_a_session_counts() -> None:
    names = Names(path="p", header="h", metadata="m", session_id="s", user="u")

    assert session_address(names) == Address(external_id="p", identified_by="path", user="u")
    assert session_address(Names(header="h", metadata="m")) == Address(external_id="h", identified_by="header")
    assert session_address(Names(metadata="m", user="u")) == Address(
        external_id="m", identified_by="metadata", user="u"
    )
    assert session_address(Names(session_id="s")) == Address(external_id="s", identified_by="session_id")
    assert session_address(Names(user="u")) == Address(identified_by="user", user="u")
    assert session_address(Names(user=" ")) == session_address(Names()) == Address()


def test_surrounding_blanks_do_not_count() -> None:
    assert session_id("  tea time ", "session_id") == "tea time"


@pytest.mark.parametrize(
    "text", ["", " ", "\u3000", "a/b", "/", "a\nb", "a\0", "\x7f", "\x85", "\u2028", "\ud800", "\t", "x" * 201]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        session_id(text, "session_id")

    assert caught.value.param == "session_id"


@pytest.mark.parametrize("path", ["a%2Fb", "%00", "%0A", "%20", "%FF", "\xff", "%ED%A0%80"])
def test_an_encoded_id_is_checked_decoded(path: str) -> None:
    with pytest.raises(InvalidRequest):
        session_address(Names(path=path))


@given(st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable()))
def test_an_id_in_a_header_is_ascii_and_comes_back_equal(text: str) -> None:
    assert encoded(text).isascii()
    assert encoded(text).isprintable()
    assert decoded(encoded(text), "X-Session-ID") == text


def test_query_parameters_have_defaults() -> None:
    assert (query.version({}), query.after({}), query.limit({}), query.flag({}, "follow")) == (None, 0, 100, False)


def test_query_parameters_are_read() -> None:
    given_all = {"at": "7", "after": "0", "limit": "1000", "follow": "TRUE"}

    assert (query.version(given_all), query.after(given_all), query.limit(given_all)) == (7, 0, 1000)
    assert query.flag(given_all, "follow")
    assert not query.flag({"follow": "0"}, "follow")


WRONG_NUMBERS = ["", "x", "-1", "1.0", "1_0", " 1", "\u0663", "1" * 19]


@pytest.mark.parametrize("text", [*WRONG_NUMBERS, "0"])
def test_a_version_is_a_number_from_one_on(text: str) -> None:
    with pytest.raises(InvalidRequest):
        query.version({"at": text})


@pytest.mark.parametrize("text", [*WRONG_NUMBERS, "0", "1001"])
def test_a_limit_is_a_number_from_one_to_a_thousand(text: str) -> None:
    with pytest.raises(InvalidRequest):
        query.limit({"limit": text})


@pytest.mark.parametrize("text", WRONG_NUMBERS)
def test_a_page_begins_after_a_number_from_zero_on(text: str) -> None:
    with pytest.raises(InvalidRequest):
        query.after({"after": text})


def test_a_flag_is_true_or_false() -> None:
    with pytest.raises(InvalidRequest):
        query.flag({"follow": "maybe"}, "follow")
