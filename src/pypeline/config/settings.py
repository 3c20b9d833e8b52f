"""The settings: every environment variable that PypeLine reads, read once and checked."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo

from dotenv import dotenv_values

from pypeline.errors import InvalidSetting

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

DEFAULT_BROKER = "amqp://guest:guest@localhost:5672//"
EMBEDDED_DATABASE = "sqlite:///pypeline.db"
ROLES = ("admin", "operator", "reader")

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_UNITS = {"": 1, "K": 2**10, "KB": 2**10, "M": 2**20, "MB": 2**20}
_KEY_PARTS = 3
_KEYS = ("PYPELINE_ACCESS_KEYS", "PYPELINE_ACCESS_KEY")
_LISTS = ("PYPELINE_ACCESS_KEYS",)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One API key: who it is, what it may do (one of ``ROLES``), and the secret that proves it."""

    name: str
    role: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """
    What the environment says. Durations are in seconds, ``result_limit`` and ``max_request`` in bytes.

    ``environment`` is all of it, ``.env`` included: ``${VAR}`` in the configuration is read from there.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    config: Path | None = None
    client_package: str | None = None
    yaml_path: str = "sermos.yaml"
    broker: str | None = field(default=None, repr=False)
    database: str | None = field(default=None, repr=False)
    app: str | None = None
    default_queue: str = "pypeline"
    redis_prefix: str | None = None
    lease: float = 30.0
    result_store: str | None = field(default=None, repr=False)
    result_limit: int = 256 * 1024
    result_backend: str | None = field(default=None, repr=False)
    worker_name: str | None = None
    access_keys: tuple[AccessKey, ...] = ()
    engine: str = "native"
    timezone: str = "UTC"
    log_level: str = "INFO"
    log_format: str = "text"
    shutdown_grace: float = 30.0
    cancel_grace: float = 10.0
    max_request: int = 2**20
    trusted_proxies: int = 0

    @classmethod
    def load(
        cls,
        env: Mapping[str, str] | None = None,
        *,
        folder: Path | None = None,
        over: Mapping[str, object] | None = None,
    ) -> Settings:
        """
        The settings of an environment, by default this process's and the ``.env`` of the working folder.

        ``over`` wins over both: its values are texts, numbers, paths, lists where a setting is one, or None.
        Where it has access keys, under either name, the environment's do not count. An empty variable counts
        as unset. Raises InvalidSetting.
        """
        folder = Path.cwd() if folder is None else folder
        written = _alone({name: _written(name, value) for name, value in (over or {}).items()})
        texts = {name: text for name, text in written.items() if text is not None}
        environment = {**read_environment(env, folder=folder), **texts}
        read = _Reader(environment, unreadable=written.keys() - texts.keys())
        return cls(
            folder=folder,
            environment=environment,
            config=read.one("PYPELINE_CONFIG", convert=Path),
            client_package=read.one("SERMOS_CLIENT_PKG_NAME", "PYPELINE_CLIENT_PKG_NAME"),
            yaml_path=read.one("SERMOS_YAML_PATH", "PYPELINE_YAML_PATH") or "sermos.yaml",
            broker=read.one("PYPELINE_BROKER_URL", "CELERY_BROKER_URL", convert=_url),
            database=read.one("PYPELINE_DATABASE_URL", convert=_url),
            app=read.one("PYPELINE_APP"),
            default_queue=read.one("PYPELINE_DEFAULT_QUEUE") or "pypeline",
            redis_prefix=read.one("PYPELINE_REDIS_PREFIX", convert=_prefix),
            lease=read.either("PYPELINE_LEASE", 30.0, convert=_positive_seconds),
            result_store=read.one("PYPELINE_RESULT_STORE"),
            result_limit=read.either("PYPELINE_RESULT_LIMIT", 256 * 1024, convert=_size),
            result_backend=read.one("CELERY_RESULT_BACKEND"),
            worker_name=read.one("WORKER_NAME"),
            access_keys=_access_keys(read),
            engine=read.either("PYPELINE_ENGINE", "native", convert=_one_of("native", "dyrygent")),
            timezone=read.either("PYPELINE_TIMEZONE", "UTC", convert=_zone),
            log_level=read.either("LOG_LEVEL", "INFO", convert=_level),
            log_format=read.either("PYPELINE_LOG_FORMAT", "text", convert=_one_of("text", "json")),
            shutdown_grace=read.either("PYPELINE_SHUTDOWN_GRACE", 30.0, convert=_seconds),
            cancel_grace=read.either("PYPELINE_CANCEL_GRACE", 10.0, convert=_seconds),
            max_request=read.either("PYPELINE_MAX_REQUEST", 2**20, convert=_size),
            trusted_proxies=read.either("PYPELINE_TRUSTED_PROXIES", 0, convert=_count),
        )

    @property
    def embedded(self) -> bool:
        """True where no broker is set: runs stay in the process that starts them."""
        return self.broker is None

    @property
    def broker_url(self) -> str:
        """The broker of this process, or the one that is assumed where none is set."""
        return self.broker or DEFAULT_BROKER

    @property
    def database_url(self) -> str:
        """The database of this process. Without one set it is a SQLite file in the working folder."""
        return self.database or EMBEDDED_DATABASE

    @property
    def app_name(self) -> str:
        """The name that runs, schedules and tasks carry in a shared database."""
        return self.app or self.client_package or self.folder.resolve().name or "pypeline"

    @property
    def key_prefix(self) -> str:
        """What the keys of our queues begin with on Redis, which applications may share."""
        return f"{self.app_name}:" if self.redis_prefix is None else self.redis_prefix

    def require_database(self) -> str:
        """The database URL. Raises InvalidSetting where a broker is set without a database."""
        if self.broker is not None and self.database is None:
            raise InvalidSetting(
                "PYPELINE_DATABASE_URL",
                "is not set, but a broker is: name the database that workers share, "
                "for example postgresql://user@host/name",
            )
        return self.database_url


def read_environment(env: Mapping[str, str] | None = None, *, folder: Path | None = None) -> dict[str, str]:
    """The variables of ``env`` (default: this process's) over those of ``.env`` in the folder."""
    try:
        file = dotenv_values((folder or Path.cwd()) / ".env", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(".env", f"cannot be read: {error}") from error
    written = {name: value for name, value in file.items() if value is not None}
    return {**written, **(os.environ if env is None else env)}


class _Reader:
    def __init__(self, environment: Mapping[str, str], *, unreadable: Collection[str] = ()) -> None:
        self._environment = environment
        self._unreadable = unreadable

    def one(self, *names: str, convert: Callable[[str], _Value] = str) -> _Value | None:  # type: ignore[assignment]
        """The first of these variables that is set, converted."""
        for name in names:
            if name in self._unreadable:
                raise InvalidSetting(name, "is no text: write it as in the environment")
            text = self._environment.get(name, "").strip()
            if text:
                try:
                    return convert(text)
                except ValueError as error:
                    raise InvalidSetting(name, str(error)) from error
        return None

    def either(self, name: str, default: _Value, *, convert: Callable[[str], _Value]) -> _Value:
        """The variable converted, or the default where it is not set."""
        value = self.one(name, convert=convert)
        return default if value is None else value


def _written(name: str, value: object) -> str | None:
    """A value as the environment would have it; None where that has no such thing."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return None
        case int() | float() | PurePath():
            return str(value)
        case list() | tuple() if name in _LISTS and all(isinstance(one, str) for one in value):
            return ",".join(value)
        case _:
            return None


def _alone(written: dict[str, str | None]) -> dict[str, str | None]:
    """With access keys under one name, those that the environment has under the other are taken away."""
    given = (written.get(name, "") for name in _KEYS)
    has_keys = any(text is None or text.strip() for text in given)
    return {**dict.fromkeys(_KEYS, ""), **written} if has_keys else written


def _url(text: str) -> str:
    if "://" not in text:
        raise ValueError("is no URL: it begins with a scheme, for example amqp:// or postgresql://")
    return text


def _prefix(text: str) -> str:
    # An empty variable counts as unset, so no prefix is a word.
    return "" if text.lower() == "none" else text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number of seconds") from None
    if not math.isfinite(seconds) or seconds < 0:
        raise ValueError(f"{text!r} is no number of seconds from 0 up")
    return seconds


def _positive_seconds(text: str) -> float:
    seconds = _seconds(text)
    if not seconds:
        raise ValueError("must be above 0 seconds")
    return seconds


def _size(text: str) -> int:
    digits = text.upper().replace(" ", "").rstrip("KMB")
    unit = text.upper().replace(" ", "")[len(digits) :]
    if not digits.isdecimal() or unit not in _UNITS or not int(digits):
        raise ValueError(f"{text!r} is no size: write bytes, or 256KB, or 1MB")
    return int(digits) * _UNITS[unit]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise ValueError(f"{text!r} is no number from 0 up")
    return int(text)


def _one_of(*allowed: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"{text!r} is not one of {', '.join(allowed)}")
        return text.lower()

    return convert


def _level(text: str) -> str:
    return _one_of(*(level.lower() for level in _LEVELS))(text).upper()


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text!r} is no IANA time zone such as Europe/Berlin") from None
    return text


def _access_keys(read: _Reader) -> tuple[AccessKey, ...]:
    several = read.one("PYPELINE_ACCESS_KEYS", convert=_parse_keys)
    if several is not None:
        return several
    single = read.one("PYPELINE_ACCESS_KEY")
    return (AccessKey("admin", "admin", single),) if single else ()


def _parse_keys(text: str) -> tuple[AccessKey, ...]:
    numbered = {
        number: _parse_key(number, part) for number, part in enumerate(text.split(","), 1) if part.strip()
    }
    if not numbered:
        raise ValueError("holds no key: write name:role:secret, or leave it unset")
    if len({key.name for key in numbered.values()}) < len(numbered):
        raise ValueError("two keys have the same name")
    seen: dict[str, int] = {}
    for number, key in numbered.items():
        if (first := seen.setdefault(key.secret, number)) != number:
            raise ValueError(f"keys {first} and {number} have the same secret: give each its own")
    return tuple(numbered.values())


def _parse_key(number: int, text: str) -> AccessKey:
    # The text holds a secret: a message tells the key's number, never what it says.
    parts = [part.strip() for part in text.split(":", _KEY_PARTS - 1)]
    if len(parts) < _KEY_PARTS or not all(parts):
        raise ValueError(f"key {number} is not of the form name:role:secret")
    name, role, secret = parts
    if role not in ROLES:
        raise ValueError(f"key {number} has an unknown role: use one of {', '.join(ROLES)}")
    return AccessKey(name, role, secret)
