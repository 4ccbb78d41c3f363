"""Images within messages: what is taken, under which name, and what is refused in which words."""

import pytest

from api.pictures import LARGEST, picture
from domain.errors import InvalidRequest
from tests.drawings import data_url, png, sha256

GIF = b"GIF89a" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
WEBP = b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(8)


def refused(url: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        picture(url, "there")
    assert caught.value.param == "there"
    return caught.value.message


@pytest.mark.parametrize(
    ("content", "sent", "kept"),
    [
        (png(), "image/png", "image/png"),
        (JPEG, "image/jpeg", "image/jpeg"),
        (JPEG, "image/jpg", "image/jpeg"),
        (GIF, "image/gif", "image/gif"),
        (WEBP, "IMAGE/WEBP", "image/webp"),
    ],
)
def test_an_image_is_named_by_its_bytes(content: bytes, sent: str, kept: str) -> None:
    found = picture(data_url(content, sent), "there")

    assert (found.sha256, found.media_type, found.content) == (sha256(content), kept, content)


@pytest.mark.parametrize("url", ["https://example.org/a.png", "http://127.0.0.1/", "file:///etc/passwd", "data:,x", ""])
def test_nothing_is_fetched_from_elsewhere(url: str) -> None:
    assert "fetches nothing" in refused(url)


@pytest.mark.parametrize("kind", ["image/svg+xml", "image/tiff", "text/plain", ""])
def test_other_kinds_are_refused_by_name(kind: str) -> None:
    assert f"not '{kind}'" in refused(data_url(png(), kind))


@pytest.mark.parametrize(("content", "kind"), [(JPEG, "image/png"), (b"MZ", "image/jpeg"), (b"", "image/gif")])
def test_bytes_that_are_no_such_image_are_refused(content: bytes, kind: str) -> None:
    assert f"says that it is {kind}" in refused(data_url(content, kind))


@pytest.mark.parametrize("text", ["%%%", "iVBORw0KGgo", "ä"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    assert "no base64" in refused(f"data:image/png;base64,{text}")


def test_an_image_may_be_large_but_not_too_large() -> None:
    largest = png() + bytes(LARGEST - len(png()))

    assert len(picture(data_url(largest), "there").content) == LARGEST
    assert "10 MB" in refused(data_url(largest + bytes(8)))
