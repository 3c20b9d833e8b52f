"""Plain data from YAML events, with the place of every key and value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from pypeline.config.scalars import NoScalar, construct, is_known_tag, resolve_tag

if TYPE_CHECKING:
    from pypeline.config.findings import Path
    from pypeline.types import JsonValue

Place: TypeAlias = tuple[int, int]

DEEPEST = 100
MOST_ALIASED = 250_000  # values that aliases may add to those that are written out
_TEXT_UNIT = 100  # this many characters weigh as much as a value
_MERGE = "tag:yaml.org,2002:merge"
_OPEN = object()


class TreeTooLarge(Exception):  # noqa: N818 - names say what is wrong
    """The file is nested, or grows by its aliases, beyond what a configuration needs."""

    def __init__(self, place: Place, problem: str, remedy: str) -> None:
        self.place = place
        self.problem = problem
        self.remedy = remedy
        super().__init__(problem)


@dataclass(slots=True)
class _Frame:
    """A container that is being filled. ``weight`` is its size with all aliases written out."""

    container: Any
    place: Place
    anchor: str | None
    key: str | None = None
    key_place: Place = (1, 1)
    merging: bool = False
    merged: list[Any] = field(default_factory=list)
    weight: int = 1


class TreeBuilder:
    """
    Takes the events of one YAML document; ``data`` and ``places`` hold what they describe.

    ``places`` maps the ``id`` of each container to the places of its keys and values. ``faults`` holds
    (place, path, problem, remedy). Aliases share the container of their anchor.
    """

    def __init__(self) -> None:
        self.data: JsonValue = None
        self.started = False
        self.faults: list[tuple[Place, Path, str, str]] = []
        self.places: dict[int, dict[str | int, tuple[Place, Place]]] = {}
        self._frames: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Raises TreeTooLarge."""
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._open(event, {})
            case yaml.SequenceStartEvent():
                self._open(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._close()
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent() if self.started:
                raise TreeTooLarge(_place(event), "a second document begins here", "keep one `---` per file")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        frame = self._frames[-1] if self._frames else None
        weight = 1 + len(event.value) // _TEXT_UNIT
        if frame is not None and frame.key is None and isinstance(frame.container, dict):
            self._key(frame, event)
            value: JsonValue = event.value
        else:
            value = self._value(event)
            self._add(value, _place(event), weight)
        if event.anchor:
            self._anchors[event.anchor] = (value, weight)

    def _value(self, event: yaml.ScalarEvent) -> JsonValue:
        tag = event.tag
        if tag is None or tag == "!":
            plain = event.implicit[0]
            tag = resolve_tag(event.value) if plain else "tag:yaml.org,2002:str"
        if not is_known_tag(tag):
            self._refuse_tag(event, tag)
            return None
        try:
            return construct(tag, event.value)
        except NoScalar as error:
            self._fault(_place(event), str(error), "write it another way, or quote it")
            return None

    def _key(self, frame: _Frame, event: yaml.ScalarEvent) -> None:
        # A key is the text that was written: `1:` and `on:` name nodes "1" and "on".
        place = _place(event)
        frame.merging = event.value == "<<" and event.implicit[0]
        if not frame.merging and event.value in frame.container:
            first = self.places[id(frame.container)][event.value][0]
            problem = f"the key `{event.value}` is here twice, first in line {first[0]}"
            self._fault(place, problem, "remove one of the two", step=event.value)
        frame.key, frame.key_place = event.value, place

    def _open(self, event: Any, container: dict[str, Any] | list[Any]) -> None:
        if len(self._frames) >= DEEPEST:
            raise TreeTooLarge(_place(event), f"more than {DEEPEST} levels are nested", "nest fewer")
        if event.tag not in {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}:
            self._refuse_tag(event, event.tag)
        self.places[id(container)] = {}
        self._frames.append(_Frame(container, _place(event), event.anchor))
        if event.anchor:
            self._anchors[event.anchor] = (_OPEN, 0)

    def _close(self) -> None:
        frame = self._frames.pop()
        if frame.merged:
            self._merge(frame)
        if frame.anchor:
            self._anchors[frame.anchor] = (frame.container, frame.weight)
        self._add(frame.container, frame.place, frame.weight)

    def _alias(self, event: Any) -> None:
        value, weight = self._anchors.get(event.anchor, (None, 1))
        if event.anchor not in self._anchors:
            self._fault(_place(event), f"there is no anchor `&{event.anchor}` above", "define it first")
        if value is _OPEN:
            raise TreeTooLarge(
                _place(event), f"`*{event.anchor}` stands inside of what it names", "remove this alias"
            )
        self._aliased += weight
        if self._aliased > MOST_ALIASED:
            raise TreeTooLarge(_place(event), "the aliases blow the file up beyond all use", "use fewer")
        self._add(value, _place(event), weight)

    def _add(self, value: Any, place: Place, weight: int) -> None:
        if not self._frames:
            self.data, self.started = value, True
            return
        frame = self._frames[-1]
        frame.weight += weight
        if isinstance(frame.container, list):
            self.places[id(frame.container)][len(frame.container)] = (place, place)
            frame.container.append(value)
        elif frame.key is None:
            self._key_of_value(frame, value, place)
        elif frame.merging:
            self._note_merge(frame, value, place)
        else:
            shown = frame.key_place if isinstance(value, (dict, list)) else place
            self.places[id(frame.container)][frame.key] = (frame.key_place, shown)
            frame.container[frame.key] = value
            frame.key = None

    def _key_of_value(self, frame: _Frame, value: Any, place: Place) -> None:
        """An alias or a whole container stands where a key belongs."""
        if not isinstance(value, str):
            self._fault(place, "a key must be plain text", "quote it, or write a name")
        frame.key, frame.key_place, frame.merging = str(value), place, False

    def _note_merge(self, frame: _Frame, value: Any, place: Place) -> None:
        several = value if isinstance(value, list) else [value]
        if all(isinstance(one, dict) for one in several):
            frame.merged.extend(several)
        else:
            self._fault(place, "`<<` merges mappings only", "give it an alias of a mapping", step="<<")
        frame.key, frame.merging = None, False

    def _merge(self, frame: _Frame) -> None:
        """Put the merged keys under the own ones; of several merged mappings the first wins, as YAML says."""
        own = dict(frame.container)
        places = self.places[id(frame.container)]
        frame.container.clear()
        for mapping in frame.merged:
            for key, value in mapping.items():
                frame.container.setdefault(key, value)
                places.setdefault(key, self.places[id(mapping)][key])
        frame.container.update(own)

    def _refuse_tag(self, event: Any, tag: str) -> None:
        short = tag.replace("tag:yaml.org,2002:", "!!")
        self._fault(_place(event), f"the tag `{short}` is not allowed", "remove it: values are plain YAML")

    def _fault(self, place: Place, problem: str, remedy: str, step: str | None = None) -> None:
        path = tuple(_step(frame) for frame in self._frames)
        if step is not None:
            path = (*path[:-1], step)
        self.faults.append((place, tuple(part for part in path if part is not None), problem, remedy))


def _step(frame: _Frame) -> str | int | None:
    return len(frame.container) if isinstance(frame.container, list) else frame.key


def _place(event: Any) -> Place:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1
