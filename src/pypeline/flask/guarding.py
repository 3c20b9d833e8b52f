"""Keys for the views of the user's own application."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from flask import current_app, g

from pypeline.flask.access import Role
from pypeline.flask.installation import installation
from pypeline.flask.problems import Problem, problem_response

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Response

P = ParamSpec("P")
T = TypeVar("T")


@overload
def require_accesskey(role: Callable[P, T]) -> Callable[P, T | Response]: ...
@overload
def require_accesskey(role: str = "reader") -> Callable[[Callable[P, T]], Callable[P, T | Response]]: ...
def require_accesskey(role: Any = "reader") -> Any:
    """
    Let a view of your own application be called with a key of that role (reader, operator, admin) or above.

    Without parentheses it takes a reader. Others get 401 or 403 as problem+json. Raises ValueError for
    another role.
    """
    if callable(role):
        return _guarded(role, Role.READER)
    if not isinstance(role, str) or role.upper() not in Role.__members__:
        raise ValueError(f"{role!r} is no role: use one of {', '.join(one.word for one in Role)}")
    return partial(_guarded, needed=Role[role.upper()])


def _guarded(view: Callable[P, T], needed: Role) -> Callable[P, T | Response]:
    @wraps(view)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | Response:
        try:
            g.pypeline_caller = installation().gate.admit(needed)
        except Problem as problem:
            return problem_response(problem.status, problem.detail, headers=problem.headers)
        answer: T = current_app.ensure_sync(view)(*args, **kwargs)
        return answer

    return call
