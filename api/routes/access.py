"""What every route asks of its request: the services, who asks, and which session the path names."""

from typing import cast

from starlette.requests import Request

from api.services import Services
from api.wire.address import decoded, session_id
from api.wire.middleware import sent_session


def services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


def owner(request: Request) -> str:
    """Whose sessions this request may see. Without API keys everything belongs to one owner."""
    del request
    return "local"


def session(request: Request) -> str:
    """The session in the path. Raises InvalidRequest when what stands there is no id."""
    return session_id(decoded(sent_session(request.scope) or "", "session"), "session")
