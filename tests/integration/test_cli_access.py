"""`heartline keys` and `heartline config`, as an operator uses them."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.access.key_file import KeyFile
from api.access.keys import inline_keys, owner_of
from tests.commands import Command, bare, commanding
from tests.server_process import run, started


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare(monkeypatch, tmp_path)


@pytest.fixture
def heartline(monkeypatch: pytest.MonkeyPatch) -> Command:
    return commanding(monkeypatch)


def test_a_key_is_printed_once_and_only_its_hash_is_kept(
    heartline: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert heartline("keys", "add", "mira") == 0

    printed = capsys.readouterr()
    key = printed.out.strip()
    assert owner_of(KeyFile(Path("data/api-keys")).read(), key) == "mira"
    assert key not in Path("data/api-keys").read_text()
    assert key not in printed.err
    assert "not shown again" in printed.err


def test_keys_are_listed_and_removed_by_their_ids(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    for owner in ("mira", "bob"):
        heartline("keys", "add", owner)
    mira, bob = KeyFile(Path("data/api-keys")).read()
    capsys.readouterr()

    assert heartline("keys", "list") == 0
    listed = capsys.readouterr().out
    assert heartline("keys", "remove", mira.id) == 0

    assert all(word in listed for word in (mira.id, "mira", mira.made, bob.id, "bob"))
    assert KeyFile(Path("data/api-keys")).read() == (bob,)


def test_keys_as_json(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> Any:
        assert heartline("keys", *arguments, "--json") == 0
        return json.loads(capsys.readouterr().out)

    made = told("add", "mira")
    listed = told("list")
    removed = told("remove", made["id"])

    assert owner_of(inline_keys(f"mira:{made['key']}"), made["key"]) == "mira"
    assert listed == {"keys": [{name: made[name] for name in ("id", "owner", "made")}]}
    assert (removed, told("list")) == ({"removed": made["id"]}, {"keys": []})


def test_a_key_that_is_not_there_cannot_be_removed(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("keys", "remove", "12345678") == 1
    assert capsys.readouterr().err == "heartline: There is no key 12345678 in data/api-keys.\n"


def test_an_owners_name_must_be_one(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("keys", "add", "mira and bob") == 1
    assert capsys.readouterr().err.startswith("heartline: An owner's name has up to 64 letters")
    assert not Path("data").exists()


def test_the_first_key_can_be_made_where_the_host_waits_for_it(heartline: Command) -> None:
    Path(".env").write_text("HOST=0.0.0.0\n")

    assert heartline("config") == 2
    assert heartline("keys", "add", "mira") == 0
    assert heartline("config") == 0


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return json.loads(capsys.readouterr().out)


def test_config_tells_what_is_in_force_and_where_it_came_from(
    heartline: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".env").write_text("RAG_TOP_K=3\nDB_PATH=elsewhere\nPORT=9001\nLOG_LEVEL=\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("PORT", "9002")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    assert heartline("config", "--json", "--host", "::1") == 0

    config = told(capsys)
    shown = {name: (config[name]["value"], config[name]["origin"]) for name in config}
    assert shown["HOST"] == ("::1", "option")
    assert shown["PORT"] == (9002, "environment")
    assert shown["RAG_TOP_K"] == (3, ".env")
    assert shown["DATA_DIR"] == ("elsewhere", ".env")
    assert shown["LOG_LEVEL"] == ("info", "default")
    assert shown["OPENAI_API_KEY"] == ("**********", "environment")
    assert shown["MODEL_PROVIDER"] == ("openai", "default"), "chosen by the key that is set"
    assert shown["HEARTLINE_API_KEYS_FILE"] == ("elsewhere/api-keys", "default")
    assert shown["REDIS_URL"] == (None, "default")
    assert config["PORT"]["description"] == "TCP port to listen on; 0 lets the system choose one."


def test_config_masks_secrets_of_every_kind(
    heartline: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTLINE_API_KEYS", "mira:hush-1")
    monkeypatch.setenv("REDIS_URL", "redis://me:hush-2@127.0.0.1:6379")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hush-3@127.0.0.1/v1")
    monkeypatch.setenv("CORS_ORIGINS", "http://localhost:3000,https://chat.example")

    assert heartline("config", "--json") == 0

    printed = capsys.readouterr().out
    assert "hush" not in printed
    assert json.loads(printed)["CORS_ORIGINS"]["value"] == "http://localhost:3000, https://chat.example"
    assert json.loads(printed)["OPENAI_BASE_URL"]["value"] == "http://***@127.0.0.1/v1"
    assert json.loads(printed)["RATE_LIMIT_REQUESTS_PER_MINUTE"]["value"] == 600


def test_config_is_a_table_for_whoever_looks_at_it(heartline: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert heartline("config", "--port", "9000") == 0

    (row,) = [line for line in capsys.readouterr().out.splitlines() if "PORT " in line]
    assert [cell.strip() for cell in row.split("│")[1:4]] == ["PORT", "9000", "option"]


def test_an_operator_gives_and_takes_keys_while_it_runs(tmp_path: Path) -> None:
    """Keys on the command line, the server untouched: open, closed by the first key, and closed when it is taken."""
    with started(tmp_path) as server:
        everybody = server.http.get("/sessions").status_code
        key = run(tmp_path, "keys", "add", "mira").stdout.strip()
        nobody = server.http.get("/sessions").status_code
        mira = server.http.get("/sessions", headers={"Authorization": f"Bearer {key}"}).status_code
        removed = run(tmp_path, "keys", "remove", KeyFile(tmp_path / "data" / "api-keys").read()[0].id)
        no_more = server.http.get("/sessions", headers={"Authorization": f"Bearer {key}"}).status_code

    assert removed.returncode == 0
    assert (everybody, nobody, mira, no_more) == (200, 401, 200, 401)


def test_it_listens_to_the_network_once_there_are_keys(tmp_path: Path) -> None:
    with started(tmp_path, HOST="0.0.0.0", HEARTLINE_API_KEYS="mira:key-of-mira") as server:
        port = server.url.rpartition(":")[2]
        refused = httpx2.get(f"http://127.0.0.1:{port}/sessions")
        answered = httpx2.get(f"http://127.0.0.1:{port}/sessions", headers={"X-API-Key": "key-of-mira"})

    assert (refused.status_code, answered.status_code) == (401, 200)
    assert answered.headers["x-ratelimit-limit-requests"] == "600"
