"""What Google's API says is wrong, as the one error our callers know; for both of its SDKs.

429 RESOURCE_EXHAUSTED, details: RetryInfo(retryDelay "27s"), QuotaFailure(quotaId "…PerDay…")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from api.adapters.failures import busy, finite, refused, too_long
from api.ports import ModelFailed

_TYPE: Final = "@type"
_KEYLESS: Final = ("API_KEY_INVALID", "API key not valid", "API key expired")
_TOO_LONG: Final = ("exceeds the maximum number of tokens", "Request payload size exceeds the limit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error as Google's API tells it. `details` are objects whose `@type` says what they are; `header` is the
    Retry-After of the response in seconds."""

    status: int
    message: str
    details: Sequence[Mapping[str, Any]] = ()
    header: float | None = None

    def told(self) -> ModelFailed:
        if any(word in self.message or word in self._reasons for word in _KEYLESS):
            return refused(401, self.message)
        if self.status == 400 and any(words in self.message for words in _TOO_LONG):
            return too_long(self.message)
        if self.status == 429 and self._quota_of_the_day:
            return busy(self.message, code="insufficient_quota", retry_after=self._wait)
        return refused(self.status, self.message, retry_after=self._wait)

    @property
    def _wait(self) -> float | None:
        """The longer of what header and details ask; the details know quotas, which the header rounds."""
        asked = [*(seconds_of(info.get("retryDelay")) for info in self._infos("RetryInfo")), self.header]
        return max((seconds for seconds in asked if seconds is not None), default=None)

    @property
    def _quota_of_the_day(self) -> bool:
        """It is worth no wait of ours."""
        failures = self._infos("QuotaFailure")
        violations = [violation for failure in failures for violation in failure.get("violations") or ()]
        return any("PerDay" in str(violation.get("quotaId", "")) for violation in violations)

    @property
    def _reasons(self) -> list[str]:
        return [str(info.get("reason")) for info in self._infos("ErrorInfo")]

    def _infos(self, kind: str) -> list[Mapping[str, Any]]:
        return [detail for detail in self.details if str(detail.get(_TYPE, "")).endswith(f".{kind}")]


def details_of(body: object) -> list[Mapping[str, Any]]:
    """The details of an error's JSON, wherever in it they stand; none where it is of another shape."""
    if isinstance(body, list) and body:
        return details_of(cast("list[object]", body)[0])
    if not isinstance(body, Mapping):
        return []
    fields = cast("Mapping[str, Any]", body)
    if isinstance(fields.get("error"), Mapping):
        return details_of(fields["error"])
    found = fields.get("details")
    details: list[object] = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Mapping[str, Any]", detail) for detail in details if isinstance(detail, Mapping)]


def seconds_of(duration: object) -> float | None:
    """Protobuf writes durations as "27s" and "27.5s"."""
    return finite(str(duration).removesuffix("s"))
