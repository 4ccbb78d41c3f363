"""https by the names of two files, with OpenAI's own client and real certificates of the tests' own authority."""

import ssl
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import openai
import pytest
import trustme

from api.settings import SettingsError, load_settings
from tests.server_process import ServerProcess, started


@dataclass(frozen=True)
class Files:
    authority: Path
    cert: Path
    key: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    made = Files(folder / "authority.pem", folder / "cert.pem", folder / "key.pem")
    authority.cert_pem.write_to_path(made.authority)
    issued.private_key_pem.write_to_path(made.key)
    for blob in issued.cert_chain_pems:
        blob.write_to_path(made.cert, append=True)
    return made


@pytest.fixture(scope="module")
def server(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    folder = tmp_path_factory.mktemp("served")
    with started(folder, TLS_CERT_FILE=str(files.cert), TLS_KEY_FILE=str(files.key)) as server:
        yield server


def test_it_says_that_it_is_reached_by_https(server: ServerProcess) -> None:
    assert server.url.startswith("https://127.0.0.1:")
    assert server.get("/")["openai_base_url"] == f"{server.url}/v1"


def test_a_reply_streams_over_a_certificate_that_is_checked(server: ServerProcess, files: Files) -> None:
    with (
        httpx2.Client(verify=ssl.create_default_context(cafile=files.authority)) as http,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", http_client=http, max_retries=0) as client,
        client.chat.completions.create(
            model="any", messages=[{"role": "user", "content": "Hello"}], stream=True
        ) as chunks,
    ):
        said = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)

    assert said


def test_plain_http_is_not_answered(server: ServerProcess) -> None:
    with pytest.raises(httpx2.TransportError):
        httpx2.get(server.url.replace("https", "http") + "/health")


def test_a_certificate_of_somebody_else_is_no_certificate_of_this_key(files: Files, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().issue_cert("localhost").private_key_pem.write_to_path(other)

    with pytest.raises(SettingsError, match=r"^TLS_CERT_FILE and TLS_KEY_FILE should be a certificate and its key"):
        load_settings(tls_cert_file=files.cert, tls_key_file=other)


def test_a_certificate_without_its_key_is_refused(files: Files) -> None:
    with pytest.raises(SettingsError, match="need each other"):
        load_settings(tls_cert_file=files.cert)


def test_a_file_that_is_not_there_is_named(files: Files) -> None:
    with pytest.raises(SettingsError, match=r"^TLS_KEY_FILE is 'nowhere.pem', but there is no such file.$"):
        load_settings(tls_cert_file=files.cert, tls_key_file=Path("nowhere.pem"))
