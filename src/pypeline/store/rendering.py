"""
How a statement is written for each database.

Statements are written once, in the SQL that both know, with five words of our own:

    :name                           a parameter
    IN each(:list)                  membership in a list parameter
    rows(:json AS t, a text, …)     a table of those columns, out of a JSON array of objects
    shift(time, :s)                 a time that many seconds later
    fingerprint(a, b, …)            a number that is another one where any of these columns is
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Params: TypeAlias = "Mapping[str, Any]"

_ROWS = re.compile(r"rows\((:\w+) AS (\w+), ([^)]+)\)")
_EACH = re.compile(r"IN each\((:\w+)\)")
_SHIFT = re.compile(r"shift\(((?:[^(),]|\(\))+), (:\w+)\)")
_FINGERPRINT = re.compile(r"fingerprint\(([^()]+)\)")
_PARAMETER = re.compile(r"(?<!:):(\w+)")


@cache
def for_sqlite(statement: str) -> str:
    """Lists are JSON arrays; ``shift`` and ``fingerprint`` are functions that every connection is given."""
    statement = _ROWS.sub(_rows_for_sqlite, statement)
    return _EACH.sub(r"IN (SELECT value FROM json_each(\1))", statement)


def _rows_for_sqlite(found: re.Match[str]) -> str:
    parameter, alias, columns = found.groups()
    names = [column.split()[0] for column in columns.split(",")]
    read = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in names)
    return f"(SELECT {read} FROM json_each({parameter})) AS {alias}"


@cache
def for_postgres(statement: str) -> str:
    """Lists are arrays, times are shifted by intervals."""
    statement = _ROWS.sub(r"json_to_recordset(\1::json) AS \2(\3)", statement)
    statement = _EACH.sub(r"= ANY(\1)", statement)
    statement = _SHIFT.sub(r"(\1 + make_interval(secs => \2))", statement)
    # Hashed twice: the first is linear in the columns, and a sum over rows would not tell whose a value is.
    statement = _FINGERPRINT.sub(r"hashint8extended(hash_record_extended(ROW(\1), 0), 0)", statement)
    return _PARAMETER.sub(r"%(\1)s", statement)


@cache
def for_postgres_alone(statement: str) -> tuple[str, tuple[str, ...]]:
    """With numbered parameters, which the driver hands on as they are; and their names in that order."""
    names = tuple(dict.fromkeys(_PARAMETER.findall(statement)))
    number = {name: index for index, name in enumerate(names, start=1)}
    return _PARAMETER.sub(lambda found: f"${number[found[1]]}", statement), names
