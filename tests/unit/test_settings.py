"""Settings: what is read from where, and what is said when something cannot be right."""

import sys
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from api.access.key_file import KeyFile
from api.access.keys import owned
from api.access.sizes import Sizes
from api.border_settings import BorderSettings
from api.model_settings import ModelSettings
from api.recall_settings import RecallSettings
from api.settings import Settings, SettingsError, load_settings
from api.watch_settings import WatchSettings
from tests.commands import bare


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bare(monkeypatch, tmp_path)


def problem(**overrides: str | int | float | Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_with_nothing_set_the_server_is_offline_on_loopback() -> None:
    settings = load_settings()

    assert (settings.host, settings.port, settings.provider) == ("127.0.0.1", 8000, "offline")
    assert settings.data_dir == Path("data")
    assert settings.cors_origins == ()


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    monkeypatch.setenv("RECALL_POLICY", "cosine")

    settings = load_settings()

    assert (settings.port, settings.recall_policy) == (9001, "cosine")


def test_a_dotenv_file_is_read_and_the_environment_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=9002\nRAG_TOP_K=3\nSOMEBODY_ELSES=1\n")
    monkeypatch.setenv("PORT", "9003")

    settings = load_settings()

    assert (settings.port, settings.rag_top_k) == (9003, 3)


def test_an_override_goes_before_everything_and_none_is_no_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9004")
    monkeypatch.setenv("HOST", "::1")

    settings = load_settings(port=9005, host=None)

    assert (settings.port, settings.host) == (9005, "::1")


def test_an_override_that_is_no_setting_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match="ports"):
        load_settings(ports=1)


def test_a_variable_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    monkeypatch.setenv("PORT", "")

    settings = load_settings()

    assert (settings.provider, settings.port) == ("offline", 8000)


def test_db_path_is_another_name_for_data_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PATH", "elsewhere")

    assert load_settings().data_dir == Path("elsewhere")


@pytest.mark.parametrize("variable", ["DATA_DIR", "DB_PATH"])
def test_an_overridden_data_dir_goes_before_both_names(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "elsewhere")

    assert load_settings(data_dir=Path("here")).data_dir == Path("here")


def test_a_data_dir_that_is_a_file_is_refused(tmp_path: Path) -> None:
    Path("taken").touch()

    assert problem(data_dir="taken") == "DATA_DIR is 'taken', but should be a folder, and there is a file of that name."


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_hosts_are_taken(host: str) -> None:
    assert load_settings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "my host"])
def test_listening_elsewhere_is_refused_as_long_as_there_are_no_keys(host: str) -> None:
    said = problem(host=host)

    assert said.startswith(f"HOST is '{host}', but should be 127.0.0.1, ::1 or localhost")
    assert "API keys" in said


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org"])
def test_with_keys_it_listens_wherever_it_is_told(host: str) -> None:
    assert load_settings(host=host, heartline_api_keys="mira:key").host == host


def test_keys_in_the_file_are_keys_too() -> None:
    KeyFile(Path("data/api-keys")).write([owned("mira", "key")])

    settings = load_settings(host="0.0.0.0")

    assert settings.has_keys
    assert not settings.is_loopback
    assert settings.keys == ()


def test_a_key_file_may_lie_elsewhere() -> None:
    KeyFile(Path("elsewhere")).write([owned("mira", "key")])

    assert load_settings(heartline_api_keys_file="elsewhere", host="0.0.0.0").key_file == Path("elsewhere")


def test_a_key_file_that_is_none_stops_the_start() -> None:
    Path("keys").write_text("mira key\n")

    said = problem(heartline_api_keys_file="keys")

    assert said.startswith("HEARTLINE_API_KEYS_FILE is 'keys', but cannot be read: line 1 is not: owner, sha256:DIGEST")


def test_requests_are_limited_where_there_are_keys_unless_it_is_said_otherwise() -> None:
    assert load_settings().requests_a_minute is None
    assert load_settings(rate_limit_requests_per_minute=5).requests_a_minute == 5
    assert load_settings(heartline_api_keys="key").requests_a_minute == 600
    assert load_settings(heartline_api_keys="key", rate_limit_requests_per_minute=0).requests_a_minute is None


def test_the_address_names_scheme_host_and_port() -> None:
    assert load_settings(port=80).address == "http://127.0.0.1:80"
    assert load_settings(host="::1").address == "http://[::1]:8000"


def test_limits_are_said_in_megabytes_and_kept_in_bytes() -> None:
    sizes = load_settings(max_body_mb=2, max_import_mb=3, max_messages_per_request=4, max_request_seconds=5).sizes

    assert sizes == Sizes(body_bytes=2_097_152, import_bytes=3_145_728, messages=4, body_seconds=5)


@pytest.mark.parametrize("keys", ["mira:my secret", "one,two:sha256:secret", "mira:secret,bob:secret"])
def test_a_wrong_key_is_said_without_the_key(keys: str) -> None:
    said = problem(heartline_api_keys=keys)

    assert said.startswith("HEARTLINE_API_KEYS is '**********', but should be OWNER:KEY, or KEY alone")
    assert "secret" not in said


def test_encryption_is_off() -> None:
    assert load_settings(encryption="OFF").encryption == "off"


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "OPENAI_BASE_URL"])
def test_a_key_or_a_base_url_makes_the_provider_openai(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:11434/v1")

    assert load_settings().provider == "openai"


def test_a_gemini_key_goes_before_all_that_openai_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")

    assert load_settings().provider == "gemini"
    assert load_settings(model_provider="openai").provider == "openai"


def test_an_extra_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-1")
    monkeypatch.setitem(sys.modules, "google.generativeai", None)

    assert problem(model_provider="google-generativeai") == (
        "MODEL_PROVIDER is 'google-generativeai', but that package is not installed: install it with "
        ".venv/bin/pip install google-generativeai==0.8.6, or use 'gemini', which needs nothing more."
    )


def test_a_safety_threshold_may_be_written_as_google_does() -> None:
    assert load_settings(gemini_safety_threshold="BLOCK_ONLY_HIGH").gemini_safety_threshold == "block_only_high"


@pytest.mark.parametrize("content", [None, "no JSON", '{"models": {"mine": {"input": -1, "output": 2}}}'])
def test_a_price_file_without_prices_is_refused(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "prices.json"
    if content is not None:
        file.write_text(content)

    said = problem(price_file=file)

    assert said.startswith("PRICE_FILE is ")
    assert 'but should be a JSON file such as {"models": {"my-model": {"input": 0.3, ' in said


def test_a_provider_that_is_named_goes_before_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")

    assert load_settings(model_provider="offline").provider == "offline"


def test_openai_without_key_and_base_url_is_refused() -> None:
    assert problem(model_provider="openai").startswith("MODEL_PROVIDER is 'openai', but neither OPENAI_API_KEY")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"port": 99999}, "PORT is 99999, but should be less than or equal to 65535."),
        ({"port": "http"}, "PORT is 'http', but should be a valid integer."),
        ({"recall_policy": "best"}, "RECALL_POLICY is 'best', but should be 'heartline', 'hybrid' or 'cosine'."),
        ({"embedding_model": "e5"}, "EMBEDDING_MODEL is 'e5', but should be 'minilm-l6-v2' or 'minilm-l6-v2-int8'."),
        ({"rag_token_percent": -1}, "RAG_TOKEN_PERCENT is -1, but should be greater than or equal to 0."),
        (
            {"event_log": "mysql://me:secret@db/log?password=secret"},
            "EVENT_LOG is 'mysql://***@db/log?password=***', but should be a postgresql:// URL, or empty (SQLite in "
            "DATA_DIR).",
        ),
        (
            {"model_provider": "claude"},
            "MODEL_PROVIDER is 'claude', but should be 'offline', 'openai', 'gemini' or 'google-generativeai'.",
        ),
        (
            {"model_provider": "gemini"},
            "MODEL_PROVIDER is 'gemini', but GEMINI_API_KEY is not set; without it it should be 'offline'.",
        ),
        (
            {"model_provider": "google-generativeai"},
            "MODEL_PROVIDER is 'google-generativeai', but GEMINI_API_KEY is not set; without it it should be "
            "'offline'.",
        ),
        (
            {"gemini_base_url": "http://127.0.0.1:9000"},
            "GEMINI_BASE_URL is set, but GEMINI_API_KEY is not; any word will do where none is asked.",
        ),
        (
            {"gemini_base_url": "http://127.0.0.1:9000/v1beta"},
            "GEMINI_BASE_URL is 'http://127.0.0.1:9000/v1beta', but should be without the version at its end, which is "
            "added.",
        ),
        (
            {"gemini_safety_threshold": "none"},
            "GEMINI_SAFETY_THRESHOLD is 'none', but should be 'off', 'block_none', 'block_only_high', "
            "'block_medium_and_above' or 'block_low_and_above'.",
        ),
        (
            {"openai_base_url": "localhost:11434"},
            "OPENAI_BASE_URL is 'localhost:11434', but should be an address such as http://127.0.0.1:11434/v1.",
        ),
        (
            {"encryption": "on"},
            "ENCRYPTION is 'on', but should be 'off': encrypted sessions come with a later release.",
        ),
        (
            {"redis_url": "localhost:6379"},
            "REDIS_URL is '**********', but should be an address such as redis://127.0.0.1:6379/0.",
        ),
        ({"tls_cert_file": "cert.pem"}, "TLS_CERT_FILE and TLS_KEY_FILE need each other: set both for https, or none."),
        ({"max_body_mb": 0}, "MAX_BODY_MB is 0, but should be greater than or equal to 1."),
        (
            {"rate_limit_tokens_per_day": -1},
            "RATE_LIMIT_TOKENS_PER_DAY is -1, but should be greater than or equal to 0.",
        ),
        (
            {"cors_origins": "somewhere"},
            "CORS_ORIGINS is 'somewhere', but should be origins such as http://localhost:3000, separated by commas.",
        ),
        (
            {"history_token_percent": 60},
            "SYSTEM_TOKEN_PERCENT, RAG_TOKEN_PERCENT, HISTORY_TOKEN_PERCENT and RESPONSE_TOKEN_PERCENT are "
            "20, 25, 60, 20, together 125, but should be at most 100 together.",
        ),
    ],
)
def test_what_cannot_be_right_is_said_in_one_sentence(overrides: dict[str, str | int], said: str) -> None:
    assert problem(**overrides) == said


def test_a_wrong_variable_is_named_like_an_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHUTDOWN_GRACE_SECONDS", "soon")

    assert problem() == "SHUTDOWN_GRACE_SECONDS is 'soon', but should be a valid number."


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")

    monkeypatch.setenv("GEMINI_API_KEY", "AIza-very-secret")

    assert "very-secret" not in repr(load_settings())


def test_origins_are_separated_by_commas() -> None:
    origins = load_settings(cors_origins="http://localhost:3000, https://chat.example/").cors_origins

    assert origins == ("http://localhost:3000", "https://chat.example")


def test_a_log_level_may_be_written_in_capitals() -> None:
    assert load_settings(log_level="WARNING").log_level == "warning"


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({}, None),
        ({"otel_exporter_otlp_endpoint": "http://c:4318/"}, "http://c:4318/v1/traces"),
        (
            {"otel_exporter_otlp_endpoint": "http://c:4318", "otel_exporter_otlp_traces_endpoint": "http://t/in"},
            "http://t/in",
        ),
    ],
)
def test_traces_go_to_the_collector_unless_they_have_an_address_of_their_own(
    given: dict[str, str], url: str | None
) -> None:
    assert Settings.model_validate(given).traces_url == url


def test_an_address_of_a_collector_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318")

    with pytest.raises(SettingsError, match="should be an address such as"):
        load_settings()


@pytest.mark.parametrize("part", [Settings, BorderSettings, ModelSettings, RecallSettings, WatchSettings])
def test_no_part_of_the_settings_is_longer_than_can_be_read(part: type[BaseSettings]) -> None:
    own = [name for name in part.model_fields if name in vars(part)["__annotations__"]]

    assert 5 <= len(own) <= 20
