"""Which adapters the settings ask for."""

from pathlib import Path

import pytest

from api.settings import load_settings
from api.wiring.outside import encoder_of
from tests.commands import bare


@pytest.mark.parametrize(
    ("name", "encoder"),
    [
        ("minilm-l6-v2", "minilm-l6-v2:53aa5117:mean:f16"),
        ("minilm-l6-v2-int8", "minilm-l6-v2:53aa5117:int8:mean:f16"),
    ],
)
def test_the_embedding_model_is_the_one_that_is_set(
    name: str, encoder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bare(monkeypatch, tmp_path)

    assert encoder_of(load_settings(embedding_model=name)).id == encoder
