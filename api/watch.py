"""Who watches a running system: the metrics, how the model did last, and traces where they are configured.

Built by the composition root, and with it the one caller of these adapters. Nothing here changes what is watched.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from api.adapters.prometheus import PrometheusMetrics
from api.metrics import TurnEnd
from api.model_calls import ModelCalls
from api.settings import SettingsError
from projections.usage import Price

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

    from api.adapters.tracing import Tracing

VERSION: Final = version("heartline")


class Watch:
    """Told of each turn that ended. Without `trace` nothing is traced."""

    def __init__(self, clock: Callable[[], datetime], prices: Mapping[str, Price]) -> None:
        self.metrics = PrometheusMetrics(CollectorRegistry(), version=VERSION, prices=prices)
        self.calls = ModelCalls(clock=clock)
        self._tracing: Tracing | None = None

    @property
    def tracer_provider(self) -> "TracerProvider | None":
        """Where spans go; None where nothing is traced."""
        return self._tracing.provider if self._tracing is not None else None

    def trace(
        self, url: str, *, model_provider: str, texts: Callable[[UUID, Iterable[int]], Mapping[int, str]] | None
    ) -> None:
        """Trace from now on; `texts` is None where traces shall hold none. Raises SettingsError when the optional
        packages are missing."""
        # They take a third of a second to import.
        try:
            from api.adapters.tracing import Tracing, exporting
        except ImportError as error:
            raise SettingsError(
                f"Traces shall go to {url}, but what sends them is not installed: pip install '.[otel]'."
            ) from error
        self._tracing = Tracing(exporting(url, version=VERSION), model_provider=model_provider, texts=texts)

    def turn_ended(self, end: TurnEnd) -> None:
        self.metrics.turn_ended(end)
        self.calls.observe(end)
        if self._tracing is not None:
            self._tracing.observe(end)

    async def close(self) -> None:
        """Send what is left of the traces."""
        if self._tracing is not None:
            await self._tracing.close()
