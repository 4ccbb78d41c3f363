"""Starting with nothing configured, and what is said when it cannot start."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.talking import all_identical, ask, messages
from tests.server_process import ServerProcess, run, started


def test_it_listens_within_fifteen_seconds_and_says_so_in_five_lines(server: ServerProcess) -> None:
    assert server.start_seconds < 15
    assert server.out.splitlines() == [
        f"Heartline listens on {server.url}",
        "Model heartline-offline (offline), embeddings minilm-l6-v2:53aa5117:int8:mean:f16",
        f"Data in {server.out_file.with_name('data')}",
        f"SillyTavern: Chat Completion > Custom (OpenAI-compatible) > Custom Endpoint {server.url}/v1",
        f"The studio, to look into it and for a first word: {server.url}/",
    ]


def test_it_uses_no_network_to_start_and_to_answer(server: ServerProcess, network_log: Path) -> None:
    with server.openai("no-network") as client:
        ask(client, "I planted a quince tree behind the shed.")
        client.embeddings.create(model="heartline-embedding", input="quince")

    used = network_log.read_text().splitlines()
    assert any(line.startswith("socket.bind") for line in used)
    assert [line for line in used if "127.0.0.1" not in line] == []


def test_it_answers_health(server: ServerProcess) -> None:
    health = server.get("/health")

    assert health["status"] == "ok"
    assert health["model"]["provider"] == "offline"
    assert health["model"]["default"] == "heartline-offline"


def test_a_second_server_on_the_same_data_answers_the_same_sessions(server: ServerProcess, folder: Path) -> None:
    with started(folder) as second:
        with server.openai("shared") as here, second.openai("shared") as there:
            asked = [
                ask(here, "The key to the boathouse hangs behind the clock.", max_tokens=9),
                ask(there, "Where does the key hang?"),
                ask(here, "Which clock was that?", max_tokens=9),
            ]

        assert "behind the clock" in asked[1].text
        assert messages(second, "shared") == messages(server, "shared")
        assert len(messages(server, "shared")) == 6
        assert all_identical(server, "shared")
        assert all_identical(second, "shared")


def test_a_redis_that_is_away_is_told_and_stands_in_nobodys_way(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    with started(tmp_path, REDIS_URL=f"redis://127.0.0.1:{port}", RATE_LIMIT_REQUESTS_PER_MINUTE="100") as server:
        with server.openai("tea") as client:
            replies = [ask(client, text).text for text in ("Hello.", "Is anybody there?")]
        health = server.get("/health")
        errors = server.errors

    assert all(replies)
    assert (health["status"], health["limits"]["error"]) == ("degraded", "Redis does not answer: ConnectionError.")
    assert errors.count("Redis does not answer, each process counts its limits for itself") == 1


def test_a_port_in_use_is_one_sentence(server: ServerProcess, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]

    refused = run(tmp_path, "serve", "--port", port)

    assert refused.returncode == 1
    assert refused.stderr == f"heartline: Cannot listen on 127.0.0.1, port {port}: address already in use.\n"
    assert refused.stdout == ""
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "99999", "PORT is '99999', but should be less than or equal to 65535."),
        ("RECALL_POLICY", "best", "RECALL_POLICY is 'best', but should be 'heartline', 'hybrid' or 'cosine'."),
    ],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, name: str, value: str, sentence: str) -> None:
    refused = run(tmp_path, "serve", **{name: value})

    assert refused.returncode == 2
    assert refused.stderr == f"heartline: {sentence}\n"
    assert refused.stdout == ""
