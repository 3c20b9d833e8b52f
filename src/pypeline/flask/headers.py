"""The headers that every answer of ours carries: a browser is to do nothing with it but show it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Response

SECURITY_HEADERS = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
)


def protect(response: Response) -> Response:
    """The response with these headers; one that it has already stays, as that of a page with scripts."""
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    return response
