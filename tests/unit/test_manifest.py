"""The manifest: rendering it needs nothing but itself and the stored texts."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.manifest import context_sha256, render, versions_in
from domain.records import ManifestMessage, NeutralMessage, Segment

TEXTS = {2: "Be kind.", 5: "I like tea, and rain."}


def entry(*segments: Segment, name: str | None = None) -> ManifestMessage:
    return {"role": "user", "name": name, "part": "history", "segments": list(segments)}


def content(*segments: Segment) -> str:
    (message,) = render([entry(*segments)], TEXTS)
    return message["content"]


def test_a_stored_text_is_rendered_whole():
    assert content({"of": 2}) == "Be kind."


def test_a_slice_of_a_stored_text_is_rendered():
    assert content({"of": 5, "start": 7, "end": 10}) == "tea"
    assert content({"of": 5, "start": 16}) == "rain."
    assert content({"of": 5, "end": 6}) == "I like"
    assert content({"of": 5, "start": 0, "end": 0}) == ""


def test_segments_are_joined_with_nothing_between():
    assert content({"text": "She said: "}, {"of": 5, "start": 0, "end": 10}, {"text": "!"}) == "She said: I like tea!"


def test_a_message_without_segments_is_empty():
    assert content() == ""
    assert content({}) == ""


def test_a_name_is_rendered_only_if_there_is_one():
    nameless, named = render([entry({"of": 2}), entry({"of": 2}, name="Mira")], TEXTS)

    assert nameless == {"role": "user", "content": "Be kind."}
    assert named == {"role": "user", "content": "Be kind.", "name": "Mira"}


def test_images_and_tool_calls_are_rendered_as_they_are():
    whole = entry({"of": 2})
    whole["images"] = [{"sha256": "a" * 64, "media_type": "image/png"}]
    whole["tool_calls"] = [{"id": "c1", "function": {"name": "weather", "arguments": "{}"}}]
    whole["tool_call_id"] = "c0"

    (message,) = render([whole], TEXTS)

    assert message == {
        "role": "user",
        "content": "Be kind.",
        "images": [{"sha256": "a" * 64, "media_type": "image/png"}],
        "tool_calls": [{"id": "c1", "function": {"name": "weather", "arguments": "{}"}}],
        "tool_call_id": "c0",
    }


def test_a_text_that_is_gone_cannot_be_rendered():
    with pytest.raises(KeyError):
        render([entry({"of": 3})], TEXTS)


def test_the_manifest_says_which_texts_it_needs():
    manifest = [entry({"of": 5, "start": 1, "end": 2}, {"text": "x"}, {"of": 2}), entry({"of": 5})]

    assert versions_in(manifest) == {2, 5}


def test_the_hash_is_over_canonical_json():
    messages: list[NeutralMessage] = [{"role": "user", "content": 'Grüße, "🙂"\n', "name": "Mira"}]
    canonical = '[{"content":"Grüße, \\"🙂\\"\\n","name":"Mira","role":"user"}]'

    assert context_sha256(messages) == hashlib.sha256(canonical.encode()).hexdigest()


def test_the_order_of_keys_does_not_change_the_hash():
    one: NeutralMessage = {"role": "user", "content": "Hi", "name": "Mira"}
    other: NeutralMessage = {"name": "Mira", "content": "Hi", "role": "user"}

    assert context_sha256([one]) == context_sha256([other])


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_contexts_of_different_texts_have_different_hashes(one: list[str], other: list[str]):
    def sha256(texts: list[str]) -> str:
        return context_sha256([{"role": "user", "content": text} for text in texts])

    assert (sha256(one) == sha256(other)) == (one == other)
