"""The manifest: a context written as a recipe, and `render`, which makes the context of it again.

Rendering knows no policy, template, tokenizer or clock, so every turn ever made renders to the same bytes, whatever
changed since.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from domain.records import ManifestMessage, NeutralMessage, Segment


def render(manifest: Sequence[ManifestMessage], texts: Mapping[int, str]) -> list[NeutralMessage]:
    """The messages as handed to the model. `texts` holds every stored text that the manifest names."""
    messages: list[NeutralMessage] = []
    for entry in manifest:
        content = "".join(_text_of(segment, texts) for segment in entry["segments"])
        message: NeutralMessage = {"role": entry["role"], "content": content}
        if entry["name"] is not None:
            message["name"] = entry["name"]
        if "images" in entry:
            message["images"] = entry["images"]
        if "tool_calls" in entry:
            message["tool_calls"] = entry["tool_calls"]
        if "tool_call_id" in entry:
            message["tool_call_id"] = entry["tool_call_id"]
        messages.append(message)
    return messages


def _text_of(segment: Segment, texts: Mapping[int, str]) -> str:
    if "of" in segment:
        return texts[segment["of"]][segment.get("start", 0) : segment.get("end")]
    return segment.get("text", "")


def versions_in(manifest: Iterable[ManifestMessage]) -> set[int]:
    """Every stored text that the manifest names."""
    return {segment["of"] for entry in manifest for segment in entry["segments"] if "of" in segment}


def context_sha256(messages: Sequence[NeutralMessage]) -> str:
    """sha256 over the canonical UTF-8 JSON of the messages: keys sorted, no white space, nothing escaped needlessly."""
    canonical = json.dumps(messages, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
