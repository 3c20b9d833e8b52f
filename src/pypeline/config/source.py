"""A YAML file as plain data that knows where everything stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from pypeline.config.findings import Fault, Finding, show_path
from pypeline.config.tree import Place, TreeBuilder, TreeTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypeline.config.findings import Path
    from pypeline.types import JsonValue

_START: Place = (1, 1)
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Places: TypeAlias = dict[int, dict[str | int, tuple[Place, Place]]]


@dataclass(frozen=True, slots=True)
class Source:
    """
    The file's data, and the faults that reading it found.

    ``broken`` says that the data is not the whole of it. ``places`` maps the identity of a container to its
    keys' places: of the key, and of the value.
    """

    file: str
    data: JsonValue = None
    faults: tuple[Finding, ...] = ()
    broken: bool = False
    places: _Places = field(default_factory=dict, repr=False)

    def finding(self, fault: Fault) -> Finding:
        """The fault at its place: that of the deepest part of its path that the file has."""
        line, column = self.place(fault.path, at_key=fault.at_key)
        return Finding(self.file, line, column, show_path(fault.path), fault.problem, fault.remedy)

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """Line and column of a path: of its value, or of its key."""
        place = _START
        container: Any = self.data
        for depth, step in enumerate(path, 1):
            known = self.places.get(id(container), {}).get(step)
            if known is None:
                return place
            # What lacks something is pointed at by its key; so is what is asked for.
            inner = depth < len(path) or at_key
            place = known[0] if inner else known[1]
            container = container[step]
        return place


def read_source(file: str, content: bytes) -> Source:
    """The data of a YAML file. Never raises: whatever is wrong is among its faults."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        return _broken(file, (line, column), "is no UTF-8 text", "save the file as UTF-8")
    builder = TreeBuilder()
    try:
        loader = _Loader(text)
        _feed(builder, loader)
    except yaml.MarkedYAMLError as error:
        return _broken(file, _place_of(error, text), *_syntax_words(error), earlier=_placed(file, builder))
    except yaml.reader.ReaderError as error:
        return _broken(file, _place_in(text, error), "holds a character that YAML forbids", "remove it")
    except TreeTooLarge as error:
        return _broken(file, error.place, error.problem, error.remedy, earlier=_placed(file, builder))
    if not builder.started:
        return _broken(file, _START, "the file is empty", "write at least `pipelines:`")
    return Source(file, builder.data, tuple(_placed(file, builder)), places=builder.places)


def _feed(builder: TreeBuilder, loader: Any) -> None:
    # Events rather than PyYAML's tree: composing it recurses in C, where a deep file ends the process.
    try:
        while loader.check_event():
            builder.take(loader.get_event())
    finally:
        loader.dispose()


def _broken(file: str, place: Place, problem: str, remedy: str, *, earlier: Iterable[Finding] = ()) -> Source:
    finding = Finding(file, *place, "", problem, remedy)
    return Source(file, faults=(*earlier, finding), broken=True)


def _placed(file: str, builder: TreeBuilder) -> list[Finding]:
    return [
        Finding(file, *place, show_path(path), problem, remedy)
        for place, path, problem, remedy in builder.faults
    ]


def _place_of(error: yaml.MarkedYAMLError, text: str) -> Place:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    # libyaml notices an open bracket behind the last line, where an editor has nothing to show.
    if mark is None or mark.line >= len(lines):
        return len(lines), len(lines[-1]) + 1
    return mark.line + 1, mark.column + 1


def _syntax_words(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    context = f" {error.context}" if error.context else ""
    return f"is no YAML: {error.problem}{context}", "check the indentation, quotes and brackets here"


def _place_in(text: str, error: yaml.reader.ReaderError) -> Place:
    # libyaml counts the position in bytes, PyYAML in characters: the character itself is the same.
    raw = error.character
    character = chr(raw) if isinstance(raw, int) else str(raw)
    position = max(text.find(character), 0)
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
