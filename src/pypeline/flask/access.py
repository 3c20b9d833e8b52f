"""Who may call: keys, their roles, and what is admitted where no key is configured."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import g, request

from pypeline.flask.addresses import is_loopback, split_address
from pypeline.flask.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pypeline.config.settings import AccessKey

logger = logging.getLogger(__name__)

HEADER = "accesskey"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="pypeline"'}
_FORWARDING = ("Forwarded", "Via", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP")
_FORWARDED = "x-forwarded-"  # -for, -host, -proto, -port, -server …


class Role(IntEnum):
    """What a key may do; each may do what those before it may."""

    READER = 1
    OPERATOR = 2
    ADMIN = 3

    @property
    def word(self) -> str:
        """As settings and messages have it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes the present request, and from where."""

    name: str
    role: Role
    address: str

    def require(self, role: Role) -> None:
        """Raises Problem 403 where the caller's role is too low."""
        if self.role < role:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                f"this takes the role {role.word}; the key {self.name} has {self.role.word}",
            )


class Gate:
    """
    Admits callers by their key.

    Where no key is configured only who is on this very machine is admitted, as an admin: a direct request
    from a loopback address, with a loopback name as its host.
    """

    def __init__(self, keys: Sequence[AccessKey]) -> None:
        self._keys = [(_digest(key.secret), key.name, Role[key.role.upper()]) for key in keys]
        self._told = False

    @property
    def has_keys(self) -> bool:
        """True where callers need one."""
        return bool(self._keys)

    def admit(self, role: Role) -> Caller:
        """Who makes the present request. Raises Problem: 401 for who is unknown, 403 for too low a role."""
        found = self._identify() if self._keys else self._from_here()
        found.require(role)
        return found

    def admit_without_key(self) -> None:
        """
        Let anybody have what holds no secret.

        Raises Problem 401 where no key is configured, for who is not on this machine.
        """
        if not self._keys:
            self._from_here()

    def _identify(self) -> Caller:
        given = _given_key()
        if given is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                f"a key is needed: send it as the header {HEADER}, or as Authorization: Bearer",
                headers=_CHALLENGE,
            )
        digest = hashlib.sha256(given).digest()
        # All keys are looked at, each in constant time: how long it takes tells nothing.
        found = [(name, role) for secret, name, role in self._keys if hmac.compare_digest(secret, digest)]
        if not found:
            raise Problem(HTTPStatus.UNAUTHORIZED, "this key is not known", headers=_CHALLENGE)
        [(name, role), *_] = found
        return Caller(name, role, request.remote_addr or "")

    def _from_here(self) -> Caller:
        if not self._told:
            self._told = True
            logger.warning(
                "no access key is configured: only requests from this machine are answered; "
                "set PYPELINE_ACCESS_KEYS=name:role:secret to let others in"
            )
        if not _is_direct_and_local():
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "no access key is configured, so only direct requests from this machine are answered: "
                "set PYPELINE_ACCESS_KEYS",
                headers=_CHALLENGE,
            )
        return Caller("local", Role.ADMIN, request.remote_addr or "")


def caller() -> Caller:
    """Who makes the present request; it was admitted before."""
    admitted: Caller = g.pypeline_caller
    return admitted


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


def _given_key() -> bytes | None:
    """As it was sent: WSGI hands the bytes of a header as characters of Latin-1."""
    key = request.headers.get(HEADER)
    if key is None:
        # Not `request.authorization`: that takes a key with an equals sign inside for something else.
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else None
    return None if key is None else key.encode("latin-1", "backslashreplace")


def _is_direct_and_local() -> bool:
    """
    True for a request of a program on this machine.

    A proxy makes everyone local, and tells so by a header. A page of a foreign site that a browser here shows
    may send requests here too: its host name or its origin is foreign, or the browser says that its site is.
    """
    if _is_forwarded() or not is_loopback(request.remote_addr or ""):
        return False
    host = request.headers.get("Host", "")
    origin = request.headers.get("Origin")
    is_foreign = request.headers.get("Sec-Fetch-Site") == "cross-site"
    return _is_here(host) and origin in (None, f"{request.scheme}://{host}") and not is_foreign


def _is_forwarded() -> bool:
    named = any(name in request.headers for name in _FORWARDING)
    return named or any(name.lower().startswith(_FORWARDED) for name in request.headers.keys())  # noqa: SIM118


def _is_here(host: str) -> bool:
    try:
        name, _ = split_address(host)
    except ValueError:
        return False
    return is_loopback(name)
