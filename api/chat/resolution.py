"""Which session a request belongs to: by the id it carries, else by its content, else by its user, else a new one."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from api.chat.request import Address, IdentifiedBy
from domain import folding, names
from domain.alignment import align
from domain.injections import MET_MID_CHAT
from domain.keys import fingerprint
from domain.messages import Message
from domain.prompt import Prompt
from domain.session import session_id
from projections.catalogue import SessionEntry
from projections.read_models import ReadModels

_COMPARED: Final = 16
"""Messages at a transcript's end that are looked for."""
_TELLING: Final = 40
"""Characters above which a reply alone tells its session; a shorter one must not stand alone."""
_MOST: Final = 100
"""Sessions that are considered for each message: a short reply is in many."""
_CHECKED: Final = 8
"""Sessions, the best, whose whole paths are compared with the transcript."""
_REPLIES: Final = 3
"""Last replies of a session that are looked for in a single message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The session of a request, whether or not it exists yet."""

    owner: str
    session: UUID
    external_id: str
    identified_by: IdentifiedBy
    user: str | None

    @property
    def is_named(self) -> bool:
        """Whether the client named its session, itself or by its user."""
        return self.user is not None or self.identified_by not in ("content", "new")


@dataclass(slots=True)
class _Votes:
    """How many of a transcript's messages a session knows, and whether a reply of ours is among them."""

    messages: int = 0
    telling: int = 0


class Resolver:
    """Finds the session of a request."""

    def __init__(self, models: ReadModels) -> None:
        self._models = models

    async def resolve(self, owner: str, address: Address, prompt: Prompt) -> Place:
        """An explicit id names exactly one session. Without one, a transcript goes to the session that knows most of
        its end, a reply of ours or five messages included; a request that holds no reply goes to its user's latest."""
        external_id, by = address.external_id, address.identified_by
        if external_id is None and (prompt.mode == "stateless" or (prompt.is_raw and address.user is None)):
            external_id, by = uuid4().hex, "new"
        if external_id is None:
            external_id, by = await asyncio.to_thread(self._search, owner, address.user, prompt)
        return Place(
            owner=owner,
            session=session_id(owner, external_id),
            external_id=external_id,
            identified_by=by,
            user=address.user,
        )

    def _search(self, owner: str, user: str | None, prompt: Prompt) -> tuple[str, IdentifiedBy]:
        dialogue = prompt.dialogue
        found = self._by_content(owner, user, dialogue) or self._first_again(owner, user, prompt)
        if found is None and len(dialogue) == 1:
            found = self._holding(owner, user, dialogue[0].text)
        if found is not None:
            return found, "content"
        if user is not None and not any(message.role == "assistant" for message in dialogue):
            latest = self._models.catalogue.latest_of_user(owner, user)
            if latest is not None:
                return latest.external_id, "user"
        return uuid4().hex, "new"

    # -- by content ----------------------------------------------------------------------------------------------------

    def _by_content(self, owner: str, user: str | None, dialogue: Sequence[Message]) -> str | None:
        """The session that knows the most; among equals the one whose path has most of it, then the latest active."""
        votes = self._votes(owner, dialogue[-_COMPARED:])
        best = sorted(votes, key=lambda session: votes[session].messages, reverse=True)[:_CHECKED]
        known = [
            (entry, votes[session].messages)
            for session in best
            if _is_enough(votes[session]) and (entry := self._models.catalogue.by_id(UUID(session))) is not None
        ]
        mine = [(entry, count) for entry, count in known if user in (None, entry.user)]
        equal = [entry for entry, count in mine if count == max(count for _, count in mine)]
        if len(equal) < 2:
            return equal[0].external_id if equal else None
        keys = [message.key for message in dialogue]
        return max(equal, key=lambda entry: (*self._agreement(entry, keys), entry.position)).external_id

    def _votes(self, owner: str, said: Sequence[Message]) -> dict[str, _Votes]:
        votes: dict[str, _Votes] = defaultdict(_Votes)
        for message in said:
            found: dict[str, bool] = {}
            for key in _keys(message):
                for session, ours in self._models.conversation.sessions_with(owner, key, _MOST).items():
                    found[session] = found.get(session, False) or ours
            for session, ours in found.items():
                votes[session].messages += 1
                if ours:
                    votes[session].telling += 2 if len(message.text) > _TELLING else 1
        return votes

    def _agreement(self, entry: SessionEntry, keys: Sequence[int]) -> tuple[int, bool]:
        """How many messages stand on the session's present path, and whether the path ends with one of them."""
        session = UUID(entry.session)
        familiar = self._models.conversation.familiar(session)
        path = [familiar[version].key for version in self._models.conversation.path(session) if version in familiar]
        return len(align(keys, path)), bool(path) and path[-1] in keys

    # -- where no reply tells ------------------------------------------------------------------------------------------

    def _latest(self, owner: str, user: str | None, count: int) -> list[SessionEntry]:
        if user is not None:
            latest = self._models.catalogue.latest_of_user(owner, user)
            return [latest] if latest is not None else []
        return self._models.catalogue.list(owner, limit=count)

    def _first_again(self, owner: str, user: str | None, prompt: Prompt) -> str | None:
        """The latest session, if the transcript is its first exchange once more: regenerated, or tried again after it
        failed, with new messages behind it or without."""
        if user is not None and not any(message.role == "assistant" for message in prompt.dialogue):
            return None
        for entry in self._latest(owner, user, 1):
            session = UUID(entry.session)
            last = self._models.transcripts.prompts(session).last
            if last is None or last["persona"] != prompt.persona:
                continue
            familiar = self._models.conversation.familiar(session)
            path = [familiar[version] for version in self._models.conversation.path(session) if version in familiar]
            keys = [message.key for message in prompt.dialogue if message.text.strip()]
            asked = [one.key for one in path if not one.ours]
            failed = len(asked) == len(path) and bool(path) and keys[: len(path)] == asked
            if failed or (len(path) == len(asked) + 1 and path[-1].ours and keys == asked):
                return entry.external_id
        return None

    def _holding(self, owner: str, user: str | None, text: str) -> str | None:
        """A session whose last replies stand inside a single message: a client that sends its whole chat as one."""
        if len(text) < folding.TELLING:
            return None
        for entry in self._latest(owner, user, _CHECKED):
            tail = self._models.conversation.tail(UUID(entry.session), 2 * _REPLIES)
            replies = [message.text for message in reversed(tail) if message.origin == "model"]
            if folding.found_last(text, replies[:_REPLIES]) is not None:
                return entry.external_id
        return None


def _is_enough(votes: _Votes) -> bool:
    """A long reply of ours, or a short one that does not stand alone, or as many messages as nobody says by chance."""
    return votes.telling >= 2 or (votes.telling == 1 and votes.messages >= 2) or votes.messages >= MET_MID_CHAT


def _keys(message: Message) -> set[int]:
    """Its key, also without what may be a name before it."""
    parts = names.parted(message.text)
    return {message.key} | ({fingerprint(message.role, parts[1])} if parts is not None else set())
