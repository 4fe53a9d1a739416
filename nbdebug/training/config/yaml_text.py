"""YAML text to plain values with the line of each, and back.

Numbers are read as YAML 1.2 has them, so that `1e-4` is one, `010` is ten and `1:30` is a text; dates stay texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from nbdebug.errors import ConfigError

Path = tuple[Any, ...]
LARGEST = 50_000  # values of a file, aliases written out: a configuration has hundreds, a file that grows without end has more

FLOAT = r"^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$|^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$"
NUMBERS = (
    ("tag:yaml.org,2002:float", re.compile(FLOAT), "-+0123456789."),
    ("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9][0-9_]*$|^0x[0-9a-fA-F]+$"), "-+0123456789"),
)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {
        start: [(tag, rule) for tag, rule in all_of if tag.rpartition(":")[2] in ("bool", "null", "merge")]
        for start, all_of in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


class _Dumper(yaml.SafeDumper):
    """Quotes what either this reader or one of YAML 1.1 would take for something else than a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_list(self, data: list[Any]) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=not any(isinstance(item, (dict, list)) for item in data))


_Dumper.add_representer(list, _Dumper.represent_list)


for _tag, _rule, _starts in reversed(NUMBERS):
    _Loader.add_implicit_resolver(_tag, _rule, list(_starts))
for _tag, _rule, _starts in NUMBERS:
    _Dumper.add_implicit_resolver(_tag, _rule, list(_starts))


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    word = node.value.replace("_", "")
    return int(word, 16 if word.lower().startswith("0x") else 10)


def _float(loader: _Loader, node: yaml.ScalarNode) -> float:
    word = node.value.replace("_", "").lower()
    return float(word.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


@dataclass(frozen=True)
class Written:
    """What a YAML text says."""

    values: dict[str, Any]
    lines: dict[Path, int]  # of each key and each item of a list, from 1


def read(text: str, title: str) -> Written:
    """The values of a YAML text.

    Args:
        title: what the text is called in errors.

    Raises:
        ConfigError: it is no YAML, or not a mapping.
    """
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return Written({}, {})
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError(f"{title} must be a mapping such as `training: {{epochs: 3}}`, its line {node.start_mark.line + 1} begins a {_kind(node)}")
        lines: dict[Path, int] = {}
        values = _Walk(loader, title, lines).value(node, ())
        return Written(values, lines)
    except yaml.YAMLError as error:
        raise ConfigError(_no_yaml(error, title)) from None
    finally:
        if loader is not None:
            loader.dispose()


def written(values: dict[str, Any]) -> str:
    """Plain values as YAML; short lists stay on their line."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=120)


class _Walk:
    """From nodes to values, noting lines."""

    def __init__(self, loader: _Loader, title: str, lines: dict[Path, int]) -> None:
        self.loader, self.title, self.lines = loader, title, lines
        self.open: list[yaml.Node] = []
        self.count = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        if self.count > LARGEST or any(node is one for one in self.open):
            raise ConfigError(f"{self.title}, line {node.start_mark.line + 1}: its anchors (&) repeat one another without end")
        if isinstance(node, yaml.ScalarNode):
            return self.loader.construct_object(node)
        if node.tag.rpartition(":")[2] not in ("seq", "map"):
            raise ConfigError(f"{self.title}, line {node.start_mark.line + 1}: {node.tag} is no plain value")
        self.open.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._noted(item, item, (*path, place)) for place, item in enumerate(node.value)]
            return dict(self._items(node, path))
        finally:
            self.open.pop()

    def _items(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        own: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ConfigError(f"{self.title}, line {key.start_mark.line + 1}: a name must be a word, this is a {_kind(key)}")
            if key.value in own and key.value != "<<":
                first = own[key.value].start_mark.line + 1
                raise ConfigError(f"{self.title}, line {key.start_mark.line + 1}: {'.'.join(map(str, (*path, key.value)))} is said already in line {first}")
            own[key.value] = key
        self.loader.flatten_mapping(node)  # `<<: *base`; what is said beside it comes after and counts
        for key, item in node.value:
            yield key.value, self._noted(key, item, (*path, key.value))

    def _noted(self, mark: yaml.Node, item: yaml.Node, path: Path) -> Any:
        self.lines[path] = mark.start_mark.line + 1
        return self.value(item, path)


def _kind(node: yaml.Node) -> str:
    return {yaml.SequenceNode: "list", yaml.MappingNode: "mapping"}.get(type(node), "single value")


def _no_yaml(error: yaml.YAMLError, title: str) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).splitlines()[0]
    if "expected a single document" in str(error):
        problem = "a second document begins with ---, and one is all that is read"
    if problem == NO_COLON:
        mark = error.context_mark  # type: ignore[attr-defined]  # the line without it, not the one where that is noticed
    said = next((ours for theirs, ours in PROBLEMS.items() if theirs in problem), problem)
    line = f", line {mark.line + 1}" if mark is not None else ""
    return f"{title}{line}: this is no YAML ({said})"


NO_COLON = "could not find expected ':'"
PROBLEMS = {  # what PyYAML says, and what that mostly is
    "\\t": "a tab stands where YAML wants spaces",
    NO_COLON: "a name without a colon after it",
    "mapping values are not allowed here": "a second colon in one value: put the text into quotes, or a name onto its own line",
    "expected <block end>": "its indentation does not fit to the lines above",
}
