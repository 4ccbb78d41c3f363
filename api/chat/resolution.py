"""Which session a request belongs to: by the id it carries, else by its content, else by its user, else a new one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from api.chat.request import Address, IdentifiedBy
from domain.messages import Message
from domain.session import session_id
from domain.transcript import key
from projections.catalogue import Catalogue
from projections.conversation import Conversation


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
        """An explicit id names exactly one session. Without one, a transcript is placed by the last reply in it that we
        generated; a request that holds no reply goes to its user's latest session."""
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
        replies = [message for message in dialogue if message.role == "assistant"]
        for reply in reversed(replies[-3:]):
            for session in self._conversation.find_session_by_reply(owner, key(reply.role, reply.text)):
                found = self._catalogue.by_id(UUID(session))
                if found is not None and user in (None, found.user):
                    return found.external_id, "content"
        if user is not None and not replies:
            latest = self._catalogue.latest_of_user(owner, user)
            if latest is not None:
                return latest.external_id, "user"
        return uuid4().hex, "new"
