"""What a session must be like for an intent to be met. Checks and refuses; changes nothing."""

from bisect import bisect_left
from collections.abc import Iterable

from domain.errors import Conflict, InvalidRequest, NotFound, TurnAlreadyOpen
from domain.state import SessionState
from domain.turn import OpenTurn


class SessionRules(SessionState):
    """The rules of a session's life, for the intents that stand on them."""

    def _check_alive(self) -> None:
        """Raises NotFound for what was erased."""
        if self.erased:
            raise NotFound("There is no such session.", param="session_id")

    def _check_idle(self) -> None:
        """Raises TurnAlreadyOpen."""
        self._check_alive()
        if self.open_turn is not None:
            raise TurnAlreadyOpen("The session is still answering another turn; try again when it has ended.")

    def _check_open(self, turn: str) -> OpenTurn:
        """The turn, which must be the one that is open. Raises Conflict."""
        self._check_alive()
        if self.open_turn is None or self.open_turn.id != turn:
            raise Conflict("The turn is not open any more: it was ended by somebody else.")
        return self.open_turn

    def _check_known(self, versions: Iterable[int]) -> None:
        """Raises InvalidRequest for what is not a message of the session or its ancestors."""
        for version in versions:
            place = bisect_left(self.messages, version)
            if place == len(self.messages) or self.messages[place] != version:
                raise InvalidRequest(f"Version {version} is not a message of the session.", param="version")
