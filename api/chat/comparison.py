"""A request compared with its session: what the client means by it, as operations on the session."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from api.chat.request import TurnRequest
from domain.errors import Unavailable
from domain.known import Known
from domain.session import Session
from domain.transcript import Reconciliation, reconcile
from projections.acquaintances import Acquaintances
from projections.lexicon import Lexicon

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A request and what it means to `session`, which is one of its own, and nobody else's, where the prompt belongs to
    no chat. `texts` are those of the messages known, `speakers` the names of who talks in them."""

    session: Session
    result: Reconciliation
    texts: Mapping[int, str]
    speakers: Sequence[str]

    @property
    def stored(self) -> bool:
        """Whether the request is a turn; else it is answered, and nothing of it is kept."""
        return self.result.kind is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares requests with what their sessions know."""

    acquaintances: Acquaintances
    lexicon: Lexicon

    def compare(self, session: Session, request: TurnRequest, *, named: bool) -> Compared:
        """Blocks. Raises Unavailable when the views lack messages of the session."""
        prompt = request.prompt(named=named)
        known = self.acquaintances.known(session.id, session.path)
        if not known.messages.keys() >= set(session.path):
            raise Unavailable("The read models lack messages of the session.")
        result = reconcile(prompt, known)
        if result.alone:
            apart = Session.start(owner=session.owner, external_id=uuid4().hex, identified_by="new")
            read = reconcile(replace(prompt, mode="sync"), Known())
            return Compared(session=apart, result=replace(read, kind=None, alone=True), texts={}, speakers=())
        if result.reason is not None:
            extra = {"session": session.id.hex, "reason": result.reason}
            logger.warning("a transcript could not be placed and became a branch: %s", result.reason, extra=extra)
        speakers = self.lexicon.speakers(session.id)
        return Compared(session=session, result=result, texts=known.texts, speakers=speakers)
