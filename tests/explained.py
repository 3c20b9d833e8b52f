"""An ear for the statements of a store: how the database would execute each of them."""

from __future__ import annotations

import re
from functools import partialmethod

from pypeline.store import connections
from pypeline.store.connections import Transaction

# A whole table, read row by row; an index of waiting, leased or due nodes is as short as what it is for.
SCAN = re.compile(
    r"SCAN (pypeline_node|pypeline_element|n|i)\b(?! USING (COVERING )?INDEX ix_)"
    r"|Seq Scan on pypeline_(node|element)"
)


def _heard(tx, listener, statement, params):
    return listener.listen(tx, statement, params)


execute_alone = connections._execute_alone


class Explained(dict):
    """Statement -> how the database would execute it, of all that ran while it listened."""

    def __init__(self, store, monkeypatch):
        self._store = store
        self._execute = Transaction._execute
        monkeypatch.setattr(Transaction, "_execute", partialmethod(_heard, self))
        monkeypatch.setattr(connections, "_execute_alone", self.listen_alone)

    def listen(self, tx, statement, params):
        if statement not in self and "pypeline_" in statement:
            self[statement] = self._explain(tx, statement, params)
        return self._execute(tx, statement, params)

    def listen_alone(self, connection, *, statement, params):
        if statement not in self:
            rows = execute_alone(connection, statement="EXPLAIN " + statement.strip(), params=params)
            self[statement] = "\n".join(row[0].strip() for row in rows)
        return execute_alone(connection, statement=statement, params=params)

    def _explain(self, tx, statement, params):
        asked = "EXPLAIN " if self._store._dialect.locks_rows else "EXPLAIN QUERY PLAN "
        rows = self._execute(tx, asked + statement.strip(), params).fetchall()
        return "\n".join(str(row[-1]).strip() for row in rows)

    def that(self, pattern):
        return {statement: plan for statement, plan in self.items() if pattern.search(plan)}


def analyze(store):
    if store._dialect.locks_rows:
        store._connections.read(lambda tx: tx._connection.execute("ANALYZE"))
