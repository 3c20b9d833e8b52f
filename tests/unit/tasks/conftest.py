"""What the tests of handlers share: results in memory, and calls whose defaults a test need not name."""

import json

import pytest

from pypeline.config.handlers import read_signature
from pypeline.runs.plan import Step
from pypeline.store.records import NODE
from pypeline.tasks.attempts.event import EventKeys
from pypeline.tasks.attempts.execution import Call
from pypeline.tasks.attempts.output import Output
from pypeline.tasks.attempts.registry import Handler
from pypeline.tasks.attempts.toolbox import Toolbox, Tools


class ResultsInMemory:
    """A `ResultReader` that counts what is read of it."""

    def __init__(self):
        self.whole = {}
        self.parts = {}
        self.reads = []

    def keep(self, position, value):
        self.whole[position] = json.dumps(value)
        return self

    def keep_parts(self, position, values):
        self.parts[position] = [None if value is None else json.dumps(value) for value in values]
        return self

    def result(self, position):
        self.reads.append(("result", position))
        return self.whole.get(position)

    def element_count(self, position):
        return len(self.parts[position]) if position in self.parts else None

    def elements(self, position, start=0, stop=None):
        self.reads.append(("elements", position, start, stop))
        yield from self.parts.get(position, [])[start:stop]


@pytest.fixture
def results():
    return ResultsInMemory()


@pytest.fixture
def make_call(results):
    """Makes the call of a function, as node `report` of pipeline `p`."""

    def make(function, *, defaults=None, payload=None, predecessors=None, item=NODE, toolbox=None, **call):
        output = Output()
        handler = Handler("demo.tasks.report", function, read_signature(function), defaults or {})
        step = {name: call.pop(name) for name in ("max_ttl", "for_each", "batch_size") if name in call}
        return Call(
            **{
                "handler": handler,
                "step": Step(name="report", handlers=(handler.path,), queue="q", **step),
                "keys": EventKeys(
                    pipeline_id="p",
                    execution_id="r1",
                    task_id="t1",
                    attempt=2,
                    payload=payload or {},
                    item=item,
                ),
                "predecessors": predecessors or {},
                "reader": results,
                "tools": Tools(toolbox or Toolbox({}), handler=handler.path, output=output),
                "result_limit": 1000,
                "output": output,
                **call,
            }
        )

    return make
