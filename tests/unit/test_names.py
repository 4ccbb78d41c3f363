"""Names before messages."""

import pytest

from domain import folding, names


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Mira: Sit down.", ("Mira", "Sit down.")),
        ("  Old Mira :\nSit down.", ("Old Mira", "Sit down.")),
        ("Sit down.", None),
        ("Sit down:", None),
        ("https://example.org", ("https", "//example.org")),
        (": Sit down.", None),
    ],
)
def test_a_word_before_a_colon_may_be_a_name(text: str, parts: tuple[str, str] | None):
    assert names.parted(text) == parts


def test_it_is_cut_only_where_it_is_one():
    assert names.cut("Mira: Sit down.", lambda name: name == "Mira") == ("Mira", "Sit down.")
    assert names.cut("Note: Sit down.", lambda name: name == "Mira") == (None, "Note: Sit down.")


def test_a_name_stands_in_a_text_as_a_word_that_is_not_put_before_something():
    assert names.stands_in("Mira", ["Write what Mira says."])
    assert not names.stands_in("Mira", ["Miranda sits."])
    assert not names.stands_in("Note", ["Note: be brief."])
    assert not names.stands_in("note", ["A note."])


def test_the_name_that_stands_first_is_found():
    assert names.first_named(["Otto", "Mira"], "Write Mira's next reply to Otto.") == "Mira"
    assert names.first_named(["Otto"], "Write.") is None


def test_a_reply_is_found_inside_a_longer_text_whatever_its_white_space():
    whole = "Mira: Sit down, the kettle is\nnearly there.\n\nRobin: Thanks."

    assert folding.found_last(whole, ["Something else altogether.", "Sit down, the kettle is nearly there."]) == (
        1,
        "Robin: Thanks.",
    )
    assert folding.found_last(whole, ["Thanks."]) is None


def test_a_reply_that_is_the_whole_text_is_found_and_one_longer_than_it_is_not():
    reply = "SIT down,  the kettle is nearly there."

    assert folding.found_last("Sit down, the kettle is nearly there.", [reply]) == (0, "")
    assert folding.found_last("Sit down, the kettle is nearly there", [reply]) is None
