"""The repository as a package: what is imported, what the locks say, and that its files agree with each other."""

import ast
import re
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from api.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CODE = ("domain", "projections", "api", "tests", "benchmarks", "scripts")
LOCKS = ("requirements.lock", "requirements-dev.lock")
# Written apart, so that this file passes its own test.
REGISTRIES = ("pypi" + ".org", "pythonhosted" + ".org", "pytorch" + ".org", "npmjs" + ".org", "huggingface" + ".co")


def repository_files() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def locked(lock: str) -> dict[str, str]:
    """Versions by package."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


@pytest.mark.parametrize("package", ["domain", "projections", "api"])
def test_the_three_packages_are_the_repositorys_own(package: str) -> None:
    """Their names are plain enough for somebody else's package, or a folder of tests, to stand in front of them."""
    assert import_module(package).__file__ == str(ROOT / package / "__init__.py")


def test_every_module_says_what_it_is_for() -> None:
    modules = [path for folder in CODE for path in (ROOT / folder).rglob("*.py") if path.stat().st_size]

    assert [path for path in modules if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_no_file_names_the_host_of_a_registry() -> None:
    naming = re.compile("|".join(map(re.escape, REGISTRIES)).encode())

    assert [path for path in repository_files() if naming.search(path.read_bytes())] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_gives_one_exact_version_a_line_and_nothing_else(lock: str) -> None:
    lines = [line for line in (ROOT / lock).read_text().splitlines() if not line.startswith("#")]

    assert [line for line in lines if not re.match(r"[a-z0-9-]+==[0-9][0-9a-z.]*(\s+#|$)", line)] == []


def test_the_lock_leaves_it_open_which_build_of_torch_is_taken() -> None:
    versions = locked("requirements-dev.lock")

    assert versions["torch"] == "2.13.0"
    assert [name for name in versions if name.startswith(("nvidia", "cuda", "triton"))] == []


def test_serving_needs_no_torch() -> None:
    assert locked("requirements.lock").keys() & {"torch", "transformers", "sentence-transformers", "scipy"} == set()


def test_both_locks_name_the_same_versions() -> None:
    runtime, development = (locked(lock) for lock in LOCKS)

    assert runtime.items() <= development.items()


def test_the_locks_hold_every_dependency_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"], *extras["otel"]]
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in wanted}

    assert names - locked("requirements-dev.lock").keys() == set()


def test_the_example_of_an_env_file_names_exactly_the_settings() -> None:
    named = re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)

    assert sorted(named) == sorted(field.upper() for field in Settings.model_fields)


def test_the_example_of_an_env_file_holds_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [*(field.upper() for field in Settings.model_fields), "DB_PATH"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    defaults = Settings.model_validate({})
    Path(".env").write_text((ROOT / ".env.example").read_text())

    assert Settings.model_validate({}) == defaults
