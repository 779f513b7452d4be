"""YAML as data, and data as YAML: the one place that knows PyYAML.

Of PyYAML's reading only the events are used. What is made of them is built here, within bounds: no tags but those of
plain data, no key twice, nothing that contains itself, no text that unfolds to more than is there (a "billion laughs").
Every value keeps its line, so that whoever finds fault with it can say where it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from crewgraph.document.bounds import MAX_DEPTH, MAX_TEXT, MAX_VALUES, Fatal, Flaw, Path
from crewgraph.errors import DocumentError

__all__ = ["Node", "Parsed", "Scalar", "parse_yaml", "write_yaml"]

Scalar = str | int | float | bool | None

MAX_NUMBER = 100
"""Characters of a number; what is longer is text. Numbers to the base of 60 take time that grows with the square."""
WIDTH = 110

_PREFIX = "tag:yaml.org,2002:"
_PLAIN = frozenset({"null", "bool", "int", "float", "str", "seq", "map"})
_AS_TEXT = frozenset({"timestamp", "value", "merge"})
"""What a word without quotes may also be taken for, and is not here."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands.

    Attributes:
        value: a scalar, a tuple of nodes, or nodes by key.
        line: the line of its key, else its own; the first is 1.
        size: how many values it holds, with those inside of others, itself included.
    """

    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    line: int
    size: int = 1

    def plain(self) -> Any:
        """The value without lines."""
        match self.value:
            case tuple():
                return [each.plain() for each in self.value]
            case Mapping():
                return {key: each.plain() for key, each in self.value.items()}
            case _:
                return self.value

    def get(self, key: str | int) -> Node | None:
        """The value under a key, or at a place of a list."""
        if isinstance(self.value, Mapping):
            return self.value.get(str(key))
        if isinstance(self.value, tuple) and isinstance(key, int) and key < len(self.value):
            return self.value[key]
        return None

    def line_of(self, path: Path) -> int:
        """The line where the value at a path stands, or the nearest around it."""
        node, line = self, self.line
        for key in path:
            inner = node.get(key)
            if inner is None:
                break
            node, line = inner, inner.line
        return line


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was read of a text.

    Attributes:
        root: the value; ``None`` where the text could not be read to its end, or holds nothing.
        flaws: what is wrong with the text.
    """

    root: Node | None
    flaws: tuple[Flaw, ...] = ()


def parse_yaml(text: str) -> Parsed:
    """Read a text; whatever is wrong with it is told as flaws.

    Raises:
        DocumentError: PyYAML is not installed.
    """
    yaml = _pyyaml()
    if len(text) > MAX_TEXT:
        return Parsed(None, (Flaw(f"it has {len(text):,} characters, and may have {MAX_TEXT:,}"),))
    composer = _Composer(yaml, yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    try:
        root = composer.document()
    except Fatal as error:
        return Parsed(None, (*composer.flaws, error.flaw))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: of characters that no encoding has
        return Parsed(None, (*composer.flaws, _syntax(error)))
    return Parsed(root, tuple(composer.flaws))


def write_yaml(data: Any) -> str:
    """Data as text, in the order of the data, texts of several lines as blocks.

    Raises:
        DocumentError: PyYAML is not installed.
    """
    yaml = _pyyaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined] # the module is known when it is installed
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

        def increase_indent(self, flow: Any = False, indentless: Any = None) -> Any:  # noqa: FBT002 - PyYAML's
            del indentless  # a list stands further in than its key
            return super().increase_indent(flow, False)

    def text(dumper: Any, text: str) -> Any:
        return dumper.represent_scalar(f"{_PREFIX}str", text, style=_style(text))

    def short(dumper: Any, items: list[Any]) -> Any:
        return dumper.represent_sequence(f"{_PREFIX}seq", items, flow_style=True)

    Dumper.add_representer(str, text)
    Dumper.add_representer(_Short, short)
    return str(
        yaml.dump(
            _shortened(data), Dumper=Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=WIDTH
        )
    )


class _Short(list[Any]):
    """A list in a list, which is written in one line."""


def _shortened(data: Any) -> Any:
    """The data with a mark on lists of words that stand in lists."""
    if isinstance(data, dict):
        return {key: _shortened(value) for key, value in data.items()}
    if not isinstance(data, list):
        return data
    is_short = [isinstance(each, list) and all(isinstance(item, str) for item in each) for each in data]
    return [_Short(each) if mark else _shortened(each) for each, mark in zip(data, is_short, strict=True)]


def _style(text: str) -> str | None:
    """How a text is written: with escapes where it holds odd characters, as a block where it has lines."""
    lines = text.split("\n")
    if not all(map(str.isprintable, lines)):
        return '"'
    return "|" if len(lines) > 1 and text.strip() == text.rstrip("\n") else None


def _pyyaml() -> Any:
    try:
        import yaml
    except ImportError as error:
        raise DocumentError('YAML needs PyYAML. hint: pip install "crewgraph[yaml]", or use JSON') from error
    return yaml


def _syntax(error: Exception) -> Flaw:
    """What PyYAML says, in one line."""
    mark: Any = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context: Any = getattr(error, "context", None)
    while_doing = f" {context}" if isinstance(context, str) else ""
    return Flaw(f"it is no YAML: {problem}{while_doing}", line=mark.line + 1 if mark else None)


@dataclass(slots=True)
class _Composer:
    """Builds nodes of events."""

    yaml: Any
    events: Iterator[Any]
    flaws: list[Flaw] = field(default_factory=list[Flaw])
    anchors: dict[str, Node | None] = field(default_factory=dict[str, Node | None])
    """By name; ``None`` while the value is still being read."""
    count: int = 0
    resolver: Any = None
    constructor: Any = None

    def __post_init__(self) -> None:
        self.resolver, self.constructor = self.yaml.resolver.Resolver(), self.yaml.constructor.SafeConstructor()

    def document(self) -> Node | None:
        """The first document of the text, which must be the only one."""
        next(self.events)
        begin = next(self.events)
        if isinstance(begin, self.yaml.StreamEndEvent):
            return None
        root = self.node(next(self.events), (), 1)
        next(self.events)
        after = next(self.events)
        if not isinstance(after, self.yaml.StreamEndEvent):
            raise Fatal("a second document begins", line=_line(after), hint="one file holds one; take the --- away")
        return root

    def node(self, event: Any, path: Path, depth: int) -> Node:
        """The node that begins with an event."""
        if depth > MAX_DEPTH:
            raise Fatal(f"it is nested deeper than {MAX_DEPTH} levels", line=_line(event))
        if isinstance(event, self.yaml.AliasEvent):
            return self.alias(event, path)
        self.counted(1, event)
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        if isinstance(event, self.yaml.ScalarEvent):
            node = Node(self.scalar(event, path), _line(event))
        else:
            self.tag(event, path)
            is_list = isinstance(event, self.yaml.SequenceStartEvent)
            node = self.sequence(event, path, depth) if is_list else self.mapping(event, path, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any, path: Path) -> Node:
        """What an alias stands for; it counts as if it were written out."""
        if event.anchor not in self.anchors:
            raise Fatal(f"there is no anchor &{event.anchor} before *{event.anchor}", path=path, line=_line(event))
        node = self.anchors[event.anchor]
        if node is None:
            message = f"*{event.anchor} stands inside of &{event.anchor}: it would contain itself"
            raise Fatal(message, path=path, line=_line(event))
        self.counted(node.size, event)
        return replace(node, line=_line(event))

    def sequence(self, begin: Any, path: Path, depth: int) -> Node:
        """The list that begins with an event."""
        items = list[Node]()
        while not isinstance(event := next(self.events), self.yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items)), depth + 1))
        return Node(tuple(items), _line(begin), 1 + sum(item.size for item in items))

    def mapping(self, begin: Any, path: Path, depth: int) -> Node:
        """The mapping that begins with an event."""
        entries, merged = dict[str, Node](), list[Node]()
        while not isinstance(event := next(self.events), self.yaml.MappingEndEvent):
            key, line = self.key(event, path, depth), _line(event)
            where = path if key is None else (*path, key)
            value = self.node(next(self.events), where, depth + 1)
            if key is None:
                continue
            if key == "<<" and event.implicit[0]:
                merged += self.merged(value, where)
            elif key in entries:
                hint = f"take one away; the other one is in line {entries[key].line}"
                self.flaw(f"the key '{key}' stands here twice", where, line, hint)
            else:
                entries[key] = replace(value, line=line)
        for other in merged:
            assert isinstance(other.value, Mapping), "nothing else is merged"
            entries = {**other.value, **entries}
        return Node(entries, _line(begin), 1 + sum(entry.size for entry in entries.values()))

    def merged(self, value: Node, path: Path) -> list[Node]:
        """What ``<<`` brings in, the most important last."""
        several = value.value if isinstance(value.value, tuple) else (value,)
        if not all(isinstance(each.value, Mapping) for each in several):
            self.flaw("<< brings in a mapping, or a list of mappings", path, value.line)
            return []
        for each in several:
            self.counted(each.size, None)
        return [*several]

    def key(self, event: Any, path: Path, depth: int) -> str | None:
        """The text of a key; ``None``, with a flaw, where it is none."""
        if not isinstance(event, self.yaml.ScalarEvent):
            self.node(event, path, depth + 1)
            self.flaw("a key is text, and here stands something else", path, _line(event))
            return None
        value = self.scalar(event, path)
        self.counted(1, event)
        if isinstance(value, str):
            return value
        self.flaw(
            f"a key is text, and {event.value or 'an empty key'} is none", path, _line(event), f'write "{event.value}"'
        )
        return None

    def scalar(self, event: Any, path: Path) -> Scalar:
        """The value of a word: text, a number, true, false or null."""
        kind, text = self.tag(event, path), str(event.value)
        if kind == "str" or (kind in {"int", "float"} and len(text) > MAX_NUMBER):
            return text
        try:
            value: Any = self.constructor.construct_object(self.yaml.ScalarNode(f"{_PREFIX}{kind}", text))
        except (ValueError, LookupError, OverflowError, self.yaml.YAMLError):
            self.flaw(f"'{text:.40}' is no {kind}", path, _line(event))
            return text
        if isinstance(value, float) and not math.isfinite(value):
            self.flaw(f"{text} is no number that data can hold", path, _line(event), "leave it out")
            return text
        return value if isinstance(value, int | float | bool | None) else text

    def tag(self, event: Any, path: Path) -> str:
        """The kind of a value, which a tag may say where it is one of those of plain data."""
        written: Any = event.tag
        is_scalar = isinstance(event, self.yaml.ScalarEvent)
        if written in (None, "!"):
            if not is_scalar:
                return ""
            written = self.resolver.resolve(self.yaml.ScalarNode, event.value, event.implicit)
            kind = str(written).removeprefix(_PREFIX)
            return "str" if kind in _AS_TEXT else kind
        kind = str(written).removeprefix(_PREFIX)
        if kind in _PLAIN and (kind in {"seq", "map"}) is not is_scalar:
            return kind
        self.flaw(f"the tag {written} is not allowed: this is data", path, _line(event), "take the tag away")
        return "str"

    def flaw(self, message: str, path: Path, line: int, hint: str = "") -> None:
        """Note what is wrong, and go on."""
        self.flaws.append(Flaw(message, path=path, line=line, hint=hint))

    def counted(self, size: int, event: Any) -> None:
        """Count values; what an alias stands for counts each time."""
        self.count += size
        if self.count > MAX_VALUES:
            line = _line(event) if event is not None else None
            raise Fatal(f"it holds more than {MAX_VALUES:,} values, aliases written out", line=line)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
