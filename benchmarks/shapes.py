"""The DAGs that are measured, as the files that a user would write."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = "benchmark_handlers.nothing"


@dataclass(frozen=True, slots=True)
class Shape:
    """A DAG to run ``runs`` times at once; ``nodes`` counts those of all runs."""

    name: str
    adjacency: dict[str, list[str]]
    runs: int = 1

    @property
    def nodes(self) -> int:
        """How many nodes are executed in all."""
        return self.runs * len(self.adjacency)

    @property
    def pipeline_id(self) -> str:
        """Its name in the configuration."""
        return self.name.replace(" ", "-").replace(",", "")

    @property
    def is_chain(self) -> bool:
        """True where each node but the first waits for the one before it."""
        return self.runs == 1 and all(len(level) == 1 for level in self.levels())

    def parents(self) -> dict[str, list[str]]:
        """The nodes that each node follows, parents before children."""
        found: dict[str, list[str]] = {name: [] for name in self.adjacency}
        for name, following in self.adjacency.items():
            for child in following:
                found[child].append(name)
        return found

    def levels(self) -> list[list[str]]:
        """The nodes by the length of the longest way to them."""
        level_of: dict[str, int] = {}
        for name, parents in self.parents().items():
            level_of[name] = max((level_of[parent] + 1 for parent in parents), default=0)
        found: list[list[str]] = [[] for _ in range(max(level_of.values()) + 1)]
        for name, level in level_of.items():
            found[level].append(name)
        return found


def chain(length: int) -> Shape:
    """One node after the other."""
    following = {f"n{index}": [f"n{index + 1}"] for index in range(length - 1)}
    return Shape(f"chain {length}", following | {f"n{length - 1}": []})


def fan(width: int) -> Shape:
    """One node, then ``width`` beside each other, then one."""
    middle = [f"n{index}" for index in range(width)]
    return Shape(f"fan {width:,}", {"first": middle, **{name: ["last"] for name in middle}, "last": []})


def layers(depth: int, width: int, parents: int) -> Shape:
    """Layers in which each node follows some random ones of the layer above; the same ones every time."""
    drawn = random.Random(depth * width)
    names = [f"l{level}n{index}" for level in range(depth) for index in range(width)]
    adjacency: dict[str, list[str]] = {name: [] for name in names}
    for level in range(1, depth):
        for index in range(width):
            for parent in drawn.sample(range(width), parents):
                adjacency[f"l{level - 1}n{parent}"].append(f"l{level}n{index}")
    return Shape(f"layers {depth} x {width}", adjacency)


def small_runs(number: int) -> Shape:
    """Many runs of one 10-node DAG: two diamonds and a chain."""
    adjacency = {
        "a": ["b", "c", "d"],
        "b": ["e"],
        "c": ["e"],
        "d": ["e"],
        "e": ["f", "g"],
        "f": ["h"],
        "g": ["h"],
        "h": ["i"],
        "i": ["j"],
        "j": [],
    }
    return Shape(f"{number} runs of 10", adjacency, runs=number)


def write_configuration(
    path: Path, shapes: list[Shape], *, handler: str = HANDLER, queue: str = "benchmark"
) -> None:
    """One file with all the shapes, over a handler that does nothing."""
    document = {
        "serviceConfig": [{"name": "benchmark", "registeredTasks": [{"handler": handler}]}],
        "pipelines": {shape.pipeline_id: _pipeline(shape, handler, queue) for shape in shapes},
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _pipeline(shape: Shape, handler: str, queue: str) -> dict[str, Any]:
    return {
        "name": shape.pipeline_id,
        "description": shape.name,
        "schemaVersion": 1,
        "config": {
            "metadata": {"queue": queue},
            "dagAdjacency": shape.adjacency,
            "taskDefinitions": {name: {"handler": handler} for name in shape.adjacency},
        },
    }
