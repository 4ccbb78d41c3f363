"""The studio's files. They hold nothing of any owner: what the page shows it asks the API for, with a key.

The page itself stands at `/` (`health.py`) for whoever accepts HTML.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

router = APIRouter()

FOLDER: Final = Path(__file__).parents[1] / "studio"
PAGE: Final = "index.html"

_HEADERS: Final = {
    # Nothing but our own files and our own API: no inline script or style, no frame, no other host.
    "Content-Security-Policy": "; ".join(
        (
            *("default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:"),
            *("connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Asked again each time, and mostly answered with 304: an upgrade of the server is an upgrade of the page.
    "Cache-Control": "no-cache",
}


@router.get("/studio/{file:path}")
async def studio(request: Request) -> Response:
    return await file_of(request, request.path_params["file"])


async def file_of(request: Request, name: str) -> Response:
    """A file of the studio, or 304. Raises HTTPException, which is 404, for what is none."""
    response = await StaticFiles(directory=FOLDER, check_dir=False).get_response(name, request.scope)
    response.headers.update(_HEADERS)
    return response
