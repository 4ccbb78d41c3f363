"""Which session a request belongs to: by the id it carries, else by its content, else by its user, else a new one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from api.chat.request import Address, IdentifiedBy
from domain.messages import Message
from domain.session import session_id
from domain.transcript import key
from projections.catalogue import Catalogue
from projections.conversation import Conversation

_COMPARED: Final = 8
"""Messages at a transcript's end that are looked for."""
_REPLIES: Final = 3
"""Replies among them, the newest, of which one must be ours."""
_TELLING: Final = 40
"""Characters above which a reply is nobody else's."""
_MOST: Final = 100
"""Sessions that are considered: a short reply is in many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The session of a request, whether or not it exists yet."""

    owner: str
    session: UUID
    external_id: str
    identified_by: IdentifiedBy
    user: str | None


class Resolver:
    """Finds the session of a request."""

    def __init__(self, conversation: Conversation, catalogue: Catalogue) -> None:
        self._conversation = conversation
        self._catalogue = catalogue

    async def resolve(self, owner: str, address: Address, dialogue: Sequence[Message]) -> Place:
        """An explicit id names exactly one session. Without one, a transcript goes to the session whose path has most
        of its end, a reply of ours included; a request that holds no reply goes to its user's latest session."""
        external_id, by = address.external_id, address.identified_by
        if external_id is None:
            external_id, by = await asyncio.to_thread(self._search, owner, address.user, dialogue)
        return Place(
            owner=owner,
            session=session_id(owner, external_id),
            external_id=external_id,
            identified_by=by,
            user=address.user,
        )

    def _search(self, owner: str, user: str | None, dialogue: Sequence[Message]) -> tuple[str, IdentifiedBy]:
        if (found := self._by_content(owner, user, dialogue[-_COMPARED:])) is not None:
            return found, "content"
        if user is not None and not _replies(dialogue):
            latest = self._catalogue.latest_of_user(owner, user)
            if latest is not None:
                return latest.external_id, "user"
        return uuid4().hex, "new"

    def _by_content(self, owner: str, user: str | None, said: Sequence[Message]) -> str | None:
        """The session with the most of these messages; among equals one that ends with them, then the latest active."""
        keys = [_key(message) for message in said]
        ours = self._with_replies(owner, [_key(reply) for reply in _replies(said)[-_REPLIES:]])
        enough = 1 if len(ours) == 1 and _is_telling(_replies(said)) else 2
        places = [
            (matches, self._ends_with(session, keys), entry.external_id)
            for session, matches in (self._conversation.find_sessions_by_keys(owner, keys, _MOST) if ours else ())
            if session in ours and matches >= enough
            if (entry := self._catalogue.by_id(UUID(session))) is not None and user in (None, entry.user)
        ]
        return max(places, key=lambda place: place[:2])[2] if places else None

    def _with_replies(self, owner: str, keys: Sequence[str]) -> set[str]:
        """Sessions in which one of these is a reply of ours."""
        return {session for reply in keys for session in self._conversation.find_session_by_reply(owner, reply, _MOST)}

    def _ends_with(self, session: str, keys: Sequence[str]) -> bool:
        return any(key(last.role, last.text) in keys for last in self._conversation.tail(UUID(session), 1))


def _replies(dialogue: Sequence[Message]) -> list[Message]:
    return [message for message in dialogue if message.role == "assistant"]


def _is_telling(replies: Sequence[Message]) -> bool:
    """Whether a reply alone, with nothing known beside it, tells its session."""
    return len(replies) == 1 and len(replies[0].text) > _TELLING


def _key(message: Message) -> str:
    return key(message.role, message.text)
