"""How the language model did when it was last asked: what `/health` tells of it without asking it again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from api.metrics import TurnEnd
from domain.records import JsonObject


@dataclass(slots=True, kw_only=True)
class ModelCalls:
    """When it last answered, and when and how it last failed through no fault of the client's."""

    clock: Callable[[], datetime]
    answered: datetime | None = None
    failed: datetime | None = None
    code: str | None = None

    @property
    def failing(self) -> str | None:
        """The code of the last failure, if there has been no answer since."""
        return self.code if self.failed is not None and (self.answered is None or self.answered < self.failed) else None

    def observe(self, end: TurnEnd) -> None:
        """Take in how a turn ended."""
        if (failure := end.model_failure) is not None:
            self.failed, self.code = self.clock(), failure.code
        elif end.reply is not None and end.reply.finish_reason != "cancelled":
            self.answered = self.clock()

    def told(self) -> JsonObject:
        failure = {"code": self.code, "at": self.failed.isoformat()} if self.failed is not None else None
        return {
            "last_answer": self.answered.isoformat() if self.answered is not None else None,
            "last_failure": failure,
        }
