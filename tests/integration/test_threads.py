"""How many threads the arithmetic uses while the system runs."""

from pathlib import Path
from typing import Any, cast

import threadpoolctl

from api.bootstrap import assembled
from api.settings import load_settings


def threads() -> set[int]:
    found = cast("list[dict[str, Any]]", threadpoolctl.threadpool_info())
    return {library["num_threads"] for library in found if library["user_api"] == "blas"}


async def test_a_product_of_matrices_stays_in_its_thread_while_the_system_runs(tmp_path: Path) -> None:
    before = threads()
    async with assembled(load_settings(data_dir=tmp_path, model_provider="offline")):
        assert threads() == {1}

    assert threads() == before
