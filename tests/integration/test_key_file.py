"""The file of hashed keys on a real disk: written whole, read again when it changes, and kept to oneself."""

import logging
import stat
from pathlib import Path

import pytest

from api.access.key_file import KeyFile
from api.access.keys import owned

ONE, TWO = owned("mira", "one", "2026-11-28"), owned("bob", "two")


def test_a_file_that_is_not_there_holds_no_keys(tmp_path: Path) -> None:
    assert KeyFile(tmp_path / "nowhere" / "keys").read() == ()
    assert KeyFile(tmp_path / "nowhere" / "keys").current() == ()


def test_what_is_written_is_read_and_is_nobody_elses(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "new" / "keys")

    file.write([ONE, TWO])

    assert file.read() == (ONE, TWO)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [path.name for path in file.path.parent.iterdir()] == ["keys"]


def test_a_change_is_seen_at_once(tmp_path: Path) -> None:
    file, other = KeyFile(tmp_path / "keys"), KeyFile(tmp_path / "keys")
    seen = [file.current()]
    for keys in ([ONE], [ONE, TWO], [TWO]):
        other.write(keys)
        seen.append(file.current())
    file.path.unlink()
    seen.append(file.current())

    assert seen == [(), (ONE,), (ONE, TWO), (TWO,), ()]


def test_a_file_that_went_wrong_leaves_the_keys_as_they_were(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = KeyFile(tmp_path / "keys")
    file.write([ONE])
    assert file.current() == (ONE,)

    file.path.write_text("mira one\n")

    with caplog.at_level(logging.ERROR):
        assert [file.current() for _ in range(3)] == [(ONE,)] * 3
    assert len(caplog.records) == 1
    assert "line 1 is not" in caplog.text
