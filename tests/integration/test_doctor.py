"""`heartline doctor` on real data folders that were left in order, or that something happened to."""

import json
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from api.adapters.log_examination import LogExamination
from api.adapters.minilm import check
from api.adapters.sqlite_examination import LookedFile
from api.doctor.around import disk_found, embedder_found
from api.doctor.doctor import Doctor
from api.health import Disk
from api.settings import load_settings
from api.wiring.examining import examining
from domain.errors import Unavailable
from tests.commands import Command, bare, commanding
from tests.server_process import started
from tests.upstream import Answer, FakeUpstream, refusal

DATA = Path("data")
LOG = DATA / "events.sqlite"
VIEWS = DATA / "views/0/views.sqlite3"
TEAPOT = Path(__file__).parents[1] / "fixtures/harbour.json"


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    bare(monkeypatch, tmp_path)
    return commanding(monkeypatch)


Doctored = Callable[..., tuple[int, dict[str, dict[str, Any]]]]


@pytest.fixture
def doctor(heartline: Command, capsys: pytest.CaptureFixture[str]) -> Doctored:
    """Examines, and returns the exit code and what was found, by check."""

    def run(*arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        capsys.readouterr()
        code = heartline("doctor", "--json", *arguments)
        told = json.loads(capsys.readouterr().out)
        assert told["well"] is (code == 0)
        return code, {one.pop("check"): one for one in told["checks"]}

    return run


@pytest.fixture
def harbour(heartline: Command) -> None:
    """A data folder with a session whose texts were read in."""
    assert heartline("import", str(TEAPOT), "--as", "harbour") == 0


def wrong(found: dict[str, dict[str, Any]]) -> set[str]:
    for one in found.values():
        assert (one["mend"] is not None) is (one["state"] == "wrong")
    return {name for name, one in found.items() if one["state"] == "wrong"}


def prints() -> dict[str, str]:
    """Every file and folder below the working folder, by what it holds; but for the index (-shm) of what a killed
    process left, which whoever reads has to make."""
    return {
        str(path): sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in Path().rglob("*")
        if not path.name.endswith("-shm")
    }


def change(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        for statement in statements:
            db.execute(statement)


def test_an_empty_folder_is_well_and_stays_empty(doctor: Doctored) -> None:
    code, found = doctor()

    assert (code, wrong(found)) == (0, set())
    assert (found["log"]["state"], found["chain"]["state"]) == ("ok", "unchecked")
    assert prints() == {}


@pytest.mark.usefixtures("harbour")
def test_what_is_in_order_is_well_and_left_as_it_is(doctor: Doctored) -> None:
    before = prints()

    code, found = doctor()

    assert (code, wrong(found)) == (0, set())
    assert {name for name, one in found.items() if one["state"] == "unchecked"} == set()
    assert "(free) stands at position" in found["views"]["found"]
    assert prints() == before


@pytest.mark.usefixtures("harbour")
def test_people_are_shown_a_table_and_what_to_do(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()

    assert heartline("doctor") == 0
    well = capsys.readouterr()
    VIEWS.write_bytes(b"garbage" * 1000)
    assert heartline("doctor") == 1
    ill = capsys.readouterr()

    assert (well.err, "chain" in well.out, "wrong" in well.out) == ("", True, False)
    assert ill.out.splitlines()[-1].startswith("views: `heartline rebuild`")


# -- the log -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("harbour")
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_log_that_was_cut_off_is_damaged(doctor: Doctored, kept: float) -> None:
    os.truncate(LOG, int(LOG.stat().st_size * kept))
    before = prints()

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"log"})
    assert "is damaged" in found["log"]["found"]
    assert "backup" in found["log"]["mend"]
    assert prints() == before


@pytest.mark.usefixtures("harbour")
def test_a_log_that_is_no_database_is_damaged(doctor: Doctored) -> None:
    LOG.write_bytes(b"this is no database, by no means " * 1000)

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"log"})
    assert "not a database" in found["log"]["found"]


@pytest.mark.usefixtures("harbour")
def test_a_log_whose_pages_do_not_fit_together_is_damaged(doctor: Doctored) -> None:
    content = LOG.read_bytes()
    LOG.write_bytes(content[:36] + b"\x00\x00\x00\x09" + content[40:])

    assert wrong(doctor()[1]) == {"log"}


def test_a_log_that_is_not_there_cannot_be_walked(tmp_path: Path) -> None:
    log = LogExamination(LookedFile(tmp_path / "events.sqlite"))

    assert (log.fault(), log.facts()) == (None, None)
    with pytest.raises(Unavailable):
        log.sessions()
    log.close()


def test_a_log_that_was_made_and_never_written_is_empty(doctor: Doctored) -> None:
    LOG.parent.mkdir()
    LOG.touch()

    assert doctor()[1]["log"]["found"].startswith("Nothing is stored yet")


@pytest.mark.usefixtures("harbour")
def test_a_log_of_a_newer_heartline_is_not_read(doctor: Doctored) -> None:
    change(LOG, "PRAGMA user_version = 99")

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"log"})
    assert found["log"]["mend"].startswith("Upgrade Heartline")


@pytest.mark.usefixtures("harbour")
def test_a_changed_event_is_named(doctor: Doctored) -> None:
    change(LOG, "UPDATE stored_events SET state = CAST(state || ' ' AS BLOB) WHERE originator_version IN (3, 5)")

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"chain"})
    assert found["chain"]["found"] == "harbour: event 3: its contents were changed."


@pytest.mark.usefixtures("harbour")
def test_a_dropped_end_is_found(doctor: Doctored) -> None:
    change(LOG, "DELETE FROM stored_events WHERE position = (SELECT max(position) FROM stored_events)")

    assert "dropped" in doctor()[1]["chain"]["found"]


@pytest.mark.usefixtures("harbour")
def test_events_that_cannot_be_read_are_counted_and_the_first_is_named(doctor: Doctored) -> None:
    change(LOG, "UPDATE stored_events SET topic = 'session.dreamt' WHERE position IN (2, 4)")

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"events", "chain"})
    assert found["events"]["found"].startswith("2 cannot be read, the first at position 2: ")


@pytest.mark.usefixtures("harbour")
def test_an_event_of_no_session_is_found(doctor: Doctored) -> None:
    change(LOG, "UPDATE stored_events SET originator_id = 'nobody' WHERE position = 2")

    assert wrong(doctor()[1]) == {"events", "chain"}


@pytest.mark.usefixtures("harbour")
@pytest.mark.parametrize(("date", "state"), [("2999-01-01T00:00:00.000000+00:00", "wrong"), ("someday", "ok")])
def test_a_clock_that_was_put_back_is_told(doctor: Doctored, date: str, state: str) -> None:
    change(LOG, f"UPDATE stored_events SET created = '{date}'")

    assert doctor()[1]["clock"]["state"] == state


# -- what is projected -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("harbour")
def test_deleted_views_are_well_since_the_next_start_makes_them(doctor: Doctored) -> None:
    VIEWS.unlink()

    code, found = doctor()

    assert (code, found["views"]["found"][:18]) == (0, "There are none yet")


@pytest.mark.usefixtures("harbour")
@pytest.mark.parametrize("damage", ["garbage", "cut off", "a page overwritten", "a wrong count of free pages"])
def test_damaged_views_are_to_be_rebuilt_and_then_are_well(doctor: Doctored, heartline: Command, damage: str) -> None:
    content = VIEWS.read_bytes()
    match damage:
        case "garbage":
            VIEWS.write_bytes(os.urandom(len(content)))
        case "cut off":
            VIEWS.write_bytes(content[: len(content) // 2])
        case "a page overwritten":
            VIEWS.write_bytes(content[:8192] + os.urandom(4096) + content[12288:])
        case _:
            VIEWS.write_bytes(content[:36] + b"\x00\x00\x00\x09" + content[40:])

    code, found = doctor()
    assert heartline("rebuild") == 0
    after = doctor()

    assert (code, wrong(found)) == (1, {"views"})
    assert found["views"]["found"].startswith("views/0 is damaged")
    assert after[0] == 0


@pytest.mark.usefixtures("harbour")
def test_views_of_another_heartline_are_made_anew(doctor: Doctored) -> None:
    change(VIEWS, "PRAGMA user_version = 7")

    code, found = doctor()

    assert (code, "another Heartline's" in found["views"]["found"]) == (0, True)


@pytest.mark.usefixtures("harbour")
def test_views_that_are_behind_read_on(doctor: Doctored) -> None:
    change(VIEWS, "UPDATE checkpoints SET position = position - 3 WHERE name = 'log'")

    code, found = doctor()

    assert (code, "stands 3 positions behind the log" in found["views"]["found"]) == (0, True)


@pytest.mark.usefixtures("harbour")
def test_a_view_that_stopped_is_named(doctor: Doctored) -> None:
    change(VIEWS, "UPDATE checkpoints SET stopped_at = 5, error = 'KeyError' WHERE name = 'audits'")

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"views"})
    assert "audits (at 5: KeyError)" in found["views"]["found"]


@pytest.mark.usefixtures("harbour")
def test_vectors_that_the_views_lost_are_missed(doctor: Doctored) -> None:
    change(VIEWS, "DELETE FROM vectors WHERE version IN (SELECT min(version) FROM vectors)")

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"vectors"})
    assert "of the log's" in found["vectors"]["found"]


@pytest.mark.usefixtures("harbour")
def test_vectors_of_another_embedder_are_told_and_texts_without_any_counted(doctor: Doctored) -> None:
    other = """UPDATE vectors SET embedder = 'other:1' WHERE embedder NOT LIKE '%tokens%'
        AND version = (SELECT min(version) FROM vectors)"""
    change(LOG, other)
    change(VIEWS, other)

    code, found = doctor()

    assert code == 0
    assert "not used: other:1." in found["vectors"]["found"]
    assert "1 text without one yet" in found["vectors"]["found"]


# -- while a server runs, and after it was killed ----------------------------------------------------------------------


def test_a_running_server_is_not_disturbed_and_a_killed_one_left_as_it_lies(
    heartline: Command, doctor: Doctored, tmp_path: Path
) -> None:
    with started(tmp_path) as server:
        server.post("/sessions/tea/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello."}]})
        while_running = doctor()
        server.post("/sessions/milk/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello?"}]})
        server.kill()
        before = prints()
        killed = doctor()
        assert prints() == before

    assert while_running[0] == killed[0] == 0
    assert "views/0 (held by a process)" in while_running[1]["views"]["found"]
    assert "views/0 (free)" in killed[1]["views"]["found"]
    assert killed[1]["chain"]["found"] == "2 sessions, every chain holds."


async def test_views_in_use_of_another_log_are_told(heartline: Command, tmp_path: Path) -> None:
    del heartline
    with started(tmp_path) as server:
        server.post("/sessions/tea/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello."}]})
        server.get("/sessions")  # the views have read all of it now
        os.kill(server.process.pid, signal.SIGSTOP)
        change(VIEWS, "UPDATE checkpoints SET chain = 'ff' WHERE name = 'log'")
        async with examining(load_settings()) as examined:
            found = {one.check: one for one in await examined.examine()}
        os.kill(server.process.pid, signal.SIGCONT)

    assert found["views"].state == "wrong"
    assert "made from another log" in found["views"].found


# -- what lies around --------------------------------------------------------------------------------------------------


def test_a_setting_that_is_wrong_is_told_alone(doctor: Doctored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99999")

    code, found = doctor()

    assert (code, set(found)) == (1, {"settings"})
    assert found["settings"]["found"].startswith("PORT is '99999'")


def test_key_files_are_for_their_owner_only(doctor: Doctored, heartline: Command) -> None:
    assert heartline("keys", "add", "mira") == 0
    assert doctor()[1]["keys"]["found"] == "1 key of mira."
    (DATA / "api-keys").chmod(0o644)

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"keys"})
    assert found["keys"]["mend"] == "chmod 600 data/api-keys"


def test_a_folder_that_cannot_be_made_is_told(doctor: Doctored, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    code, found = doctor("--data-dir", str(tmp_path / "file" / "data"))

    assert (code, wrong(found)) == (1, {"disk"})
    assert "is no folder" in found["disk"]["found"]


def test_little_room_is_wrong(tmp_path: Path) -> None:
    found = disk_found(Disk(folder=tmp_path, degraded_below=2**62))

    assert (found.state, "MiB free" in found.found) == ("wrong", True)


def test_weights_that_are_not_the_published_ones_are_told(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(b"other weights")

    found = embedder_found("minilm", lambda: check(tmp_path / "model"))

    assert found.state == "wrong"
    assert "not the published one" in found.found


def test_a_redis_that_does_not_answer_is_told(doctor: Doctored, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}")

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"limits"})
    assert found["limits"]["found"].startswith("Redis does not answer")


async def test_a_store_of_limits_that_answers_is_well(heartline: Command) -> None:
    del heartline
    async with examining(load_settings()) as examined:
        found = await replace(examined, allowance=Answering()).examine()

    assert (found[-1].check, found[-1].state) == ("limits", "ok")


async def test_whoever_is_let_in_without_keys_is_told(heartline: Command) -> None:
    del heartline
    async with examining(load_settings()) as examined:
        told = [await keys_of(replace(examined, loopback=loopback)) for loopback in (True, False)]

    assert told == [
        "There are none: whoever is on this machine is let in.",
        "There are none: nobody is let in.",
    ]


# -- the language model ------------------------------------------------------------------------------------------------


@pytest.fixture
def upstream(heartline: Command, monkeypatch: pytest.MonkeyPatch) -> Generator[FakeUpstream]:
    del heartline
    with FakeUpstream() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        yield server


def test_a_model_that_is_listed_is_well(
    upstream: FakeUpstream, doctor: Doctored, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "fake-2")

    assert doctor()[1]["model"]["found"] == "fake-2 (openai), which lists 2 models."
    assert [request.path for request in upstream.requests] == ["/v1/models"], "no token is spent"


@pytest.mark.usefixtures("upstream")
def test_a_model_that_a_compatible_server_does_not_list_may_be_there_all_the_same(doctor: Doctored) -> None:
    code, found = doctor()

    assert (code, "does not list gpt-4o-mini" in found["model"]["found"]) == (0, True)


async def test_a_model_that_its_provider_does_not_list_is_wrong(upstream: FakeUpstream) -> None:
    del upstream
    async with examining(load_settings()) as examined:
        found = {one.check: one for one in await replace(examined, lists_every_model=True).examine()}

    assert found["model"].state == "wrong"
    assert found["model"].mend == "Name another in OPENAI_MODEL, such as: fake-1, fake-2."


def test_a_provider_that_fails_is_told(upstream: FakeUpstream, doctor: Doctored) -> None:
    upstream.models = []

    code, found = doctor()

    assert (code, wrong(found)) == (1, {"model"})
    assert found["model"]["found"] == "The language model's server answered 500."
    assert "OPENAI_BASE_URL" in found["model"]["mend"]


class Unlisting(FakeUpstream):
    """Knows no list of models."""

    def _listing(self) -> Answer:
        return refusal(404)


def test_a_provider_without_a_list_is_well(doctor: Doctored, monkeypatch: pytest.MonkeyPatch) -> None:
    with Unlisting() as upstream:
        monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
        code, found = doctor()

    assert (code, "lists no models" in found["model"]["found"]) == (0, True)


class Answering:
    """An allowance whose store answers."""

    failure = None

    async def probe(self) -> None:
        return

    async def admit(self, owner: str) -> Any:
        raise NotImplementedError

    async def spend(self, owner: str, tokens: int) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError


async def keys_of(doctor: Doctor) -> str:
    found = {one.check: one for one in await doctor.examine()}
    return found["keys"].found
