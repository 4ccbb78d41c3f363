"""The files in `deploy/`, the image and the compose file speak of what there is: metrics, settings, commands, files."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, cast

import pytest
import yaml
from prometheus_client import CollectorRegistry

from api.adapters.prometheus import PrometheusMetrics
from api.metrics import Readings
from api.settings import Settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
MADE_BY_HISTOGRAMS: Final = re.compile(r"_(bucket|sum|count)$")


def known_metrics() -> set[str]:
    """Every name that /metrics can show."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry, version="0", prices={})
    metrics.read_from(
        lambda: Readings(follower_lag=0, views_stopped=0, sessions_warm=0, sessions_waiting=0, disk_free_bytes=0)
    )
    told = metrics.exposition().decode()
    return {line.split(" ")[2] for line in told.splitlines() if line.startswith("# TYPE ")}


def compose() -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load((ROOT / "compose.yaml").read_text()))


@pytest.mark.parametrize("file", ["prometheus/alerts.yml", "grafana/dashboards/heartline.json"])
def test_every_metric_that_is_watched_exists(file: str) -> None:
    named = set(re.findall(r"\b(?:heartline|process)_[a-z_]+", (DEPLOY / file).read_text()))

    watched = {MADE_BY_HISTOGRAMS.sub("", name) for name in named}

    assert len(watched) > 5
    assert watched - known_metrics() == set()


def test_the_servers_of_the_compose_file_are_given_settings_that_there_are() -> None:
    given = set(compose()["services"]["server-1"]["environment"])

    assert given - {name.upper() for name in Settings.model_fields} == set()


def test_every_file_that_the_compose_file_mounts_is_there() -> None:
    mounts = [mount for service in compose()["services"].values() for mount in service.get("volumes", [])]

    files = [mount.split(":")[0] for mount in mounts if mount.startswith("./")]

    assert files
    assert all((ROOT / file).exists() for file in files)


def test_the_image_is_made_of_files_that_are_sent_to_its_builder() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    files = {file for line in copied for file in line.split()}

    assert files == sent
    assert all((ROOT / file).exists() for file in files)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_prometheus_itself_takes_the_configuration_and_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", folder)
    (folder / "key").write_text("key")

    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        done = subprocess.run(["promtool", *command], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
