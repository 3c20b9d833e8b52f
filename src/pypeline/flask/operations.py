"""The operations of the API: what each takes, answers and demands, said once beside its view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pypeline.flask.access import Role

if TYPE_CHECKING:
    from http import HTTPStatus

    from pydantic import BaseModel

    from pypeline.flask.answers import Answer

View = Callable[..., "Answer"]


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One method on one path.

    ``answers`` maps a status to the model of its body, ``problems`` are the statuses of errors that it may
    end with beside those which every operation may. ``action`` is its word in the audit, None where nothing
    is changed; ``target`` is the member of the body that names what is changed, where the path does not.
    ``headers`` are the request headers that it reads, each with what it is for; ``location`` is what the
    ``Location`` of its 201 or 202 leads to.
    """

    method: str
    rule: str
    view: View
    tag: str
    role: Role
    answers: dict[HTTPStatus, type[BaseModel] | None]
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    problems: tuple[HTTPStatus, ...] = ()
    action: str | None = None
    target: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    location: str | None = None

    @property
    def name(self) -> str:
        """Its name in the OpenAPI document and in the routes."""
        return self.view.__name__


class Operations(list[Operation]):
    """
    The operations of one subject, in order. Its methods decorate views.

    A view takes the `Installation`, its path parameters by name, ``query`` and ``body`` where it has them.
    """

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag

    def get(self, rule: str, *, role: Role = Role.READER, **said: Any) -> Callable[[View], View]:
        """A question."""
        return self._decorate("GET", rule, role, **said)

    def change(
        self, method: str, rule: str, *, action: str, role: Role = Role.OPERATOR, **said: Any
    ) -> Callable[[View], View]:
        """What changes something, and is written into the audit as ``action``."""
        return self._decorate(method, rule, role, action=action, **said)

    def _decorate(self, method: str, rule: str, role: Role, **said: Any) -> Callable[[View], View]:
        return partial(self._add, method, rule, role, said)

    def _add(self, method: str, rule: str, role: Role, said: dict[str, Any], view: View) -> View:
        self.append(Operation(method, rule, view, self.tag, role, **said))
        return view
