"""Where the loop makes its calls: the user's line of each, once per line, and the text of what runs there."""

from __future__ import annotations

import inspect
import linecache
from dataclasses import replace
from types import CodeType, FrameType, FunctionType
from typing import Any

from torch import nn

from nbdebug.findings import Location
from nbdebug.instruments.watch.result import Source
from nbdebug.source_lines import is_users, line_of, location_fields, users_frame, variables_of

LONGEST = 3000  # lines of a source that is kept
HOLDERS = frozenset([list, tuple, dict])  # containers that are looked into
FEW = 16  # things in a container that are looked at


class Places:
    """Numbers the places of a loop, and knows the names that its variables give to things."""

    def __init__(self) -> None:
        self.known: list[Location] = [Location()]  # place number → location; 0 is none
        self._numbers: dict[tuple[int, int], int] = {}  # id of a code object and line → place number
        self._calls: dict[tuple[int, int], int] = {}  # id of a code object and instruction → place number
        self._codes: dict[int, CodeType] = {}  # kept, so that no id is used twice
        self._others: set[int] = set()  # ids of those that are not the user's
        self._sources: dict[CodeType, Source] = {}
        self._unread: dict[CodeType, list[str]] = {}  # functions whose text is taken out of these lines when it is asked for
        self._names: dict[int, tuple[Any, str]] = {}  # id → the thing (so that the id stays its own), its name

    def number(self, frame: FrameType | None) -> int:
        """The number of the user's line that called, 0 when there is none."""
        running, others = frame, self._others
        while running is not None:
            if (code := id(running.f_code)) in others:  # by identity: a code object's hash goes through all of its instructions
                running = running.f_back
                continue
            key = (code, running.f_lasti)  # a line is counted out
            number = self._calls.get(key)
            if number is None:
                self._codes[code] = running.f_code
                if users_frame(running) is not running:
                    others.add(code)
                    continue
                number = self._calls[key] = self._of_line(running)
            return number
        return 0

    def users(self, frame: FrameType | None) -> tuple[int, FrameType | None]:
        """The user's frame of a call whose place is known, and how many frames further out that is; None where there is none."""
        out, others = 0, self._others
        while frame is not None and id(frame.f_code) in others:
            frame, out = frame.f_back, out + 1
        return out, frame

    def _of_line(self, own: FrameType) -> int:
        number = self._numbers.get((id(own.f_code), own.f_lineno))
        return number if number is not None else self._new(own)

    def _new(self, own: FrameType) -> int:
        number = self._numbers[id(own.f_code), own.f_lineno] = len(self.known)
        self.known.append(Location(**location_fields(line_of(own))))
        self._read(own)
        return number

    def close(self) -> None:
        """Lets go of everything of the user's. No frame is ever kept: it would keep all its variables alive."""
        self._names.clear()

    def sources(self) -> tuple[Source, ...]:
        for code, lines in self._unread.items():
            self._sources[code] = replace(self._sources[code], text=_text(code, lines))
        self._unread.clear()
        return tuple(self._sources.values())

    def files(self) -> list[str]:
        """Those that the loop's functions stand in; no cells."""
        return list(dict.fromkeys(code.co_filename for code, source in self._sources.items() if source.place.file and source.place.cell is None))

    def name(self, thing: Any, frame: FrameType, otherwise: str = "") -> str:
        """What the variables of the running functions call this: "model", "self.encoder"; else its class."""
        held = self._names.get(id(thing))
        if held is not None and held[0] is thing:
            return held[1]
        found = _search(thing, frame) or otherwise or type(thing).__name__
        taken = {name for _, name in self._names.values()}
        name, count = found, 2
        while name in taken:  # two optimizers in one list
            name, count = f"{found} {count}", count + 1
        self._names[id(thing)] = (thing, name)
        return name

    def remember(self, thing: Any, name: str) -> None:
        """A thing of an earlier cell keeps the name it had there."""
        self._names[id(thing)] = (thing, name)

    def _read(self, frame: FrameType) -> None:
        """Keeps the text of the function or cell, and of those that called it."""
        depth = 0
        running: FrameType | None = frame
        while running is not None and depth < 6:
            running = users_frame(running)
            if running is None:
                return
            if (code := running.f_code) not in self._sources:
                self._sources[code] = _source_of(running)
                self._unread[code] = linecache.getlines(code.co_filename, running.f_globals)
            running, depth = running.f_back, depth + 1


def things(kinds: tuple[type, ...], frame: FrameType) -> list[Any]:
    """Everything of some kinds among the variables of the running functions and their modules, or the notebook."""
    found: dict[int, Any] = {}
    for _, variables in running_functions(frame):
        values = list(variables.values())
        asked = {kind for kind in set(map(type, values)) if kind in HOLDERS or issubclass(kind, kinds)}  # of hundreds of variables few are
        for value in [value for value in values if type(value) in asked]:
            held = _within(value, False) if type(value) in HOLDERS else [value]
            found.update((id(thing), thing) for thing in held if isinstance(thing, kinds))
        if "self" in variables:
            found.update((id(thing), thing) for thing in _within(variables["self"], True) if isinstance(thing, kinds))
    return list(found.values())


def _within(value: Any, is_self: bool) -> list[Any]:
    """The value itself, what a small container holds, and the attributes of `self`."""
    if type(value) in HOLDERS:
        return list(value.values() if type(value) is dict else value) if len(value) <= FEW else []
    if not is_self:
        return [value]
    held = list(vars(value).values()) if hasattr(value, "__dict__") else []
    return [value, *held, *(thing for each in held for thing in _within(each, False) if type(each) in HOLDERS)]


def _search(thing: Any, frame: FrameType) -> str:
    for function, variables in running_functions(frame):
        best = ""
        for name, value in list(variables.items()):
            if value is thing and not name.startswith("_"):
                best = best if best and len(best) <= len(name) else name
            elif function and name == "self" and (attribute := _attribute(value, thing)):
                best = best or f"self.{attribute}"
        if best:
            return best
    return ""


def running_functions(frame: FrameType) -> list[tuple[str, dict[str, Any]]]:
    """Name and variables of the running functions, innermost first, then of their modules or the notebook, without a name."""
    functions: list[tuple[str, dict[str, Any]]] = []
    modules: dict[int, tuple[str, dict[str, Any]]] = {}
    running = users_frame(frame)
    while running is not None and len(functions) < 12:
        modules.setdefault(id(running.f_globals), ("", running.f_globals))
        if running.f_code.co_name != "<module>":
            functions.append((running.f_code.co_name, variables_of(running)))
        running = users_frame(running.f_back) if running.f_back is not None else None
    return functions + list(modules.values())


def _attribute(owner: Any, thing: Any) -> str:
    held = dict(getattr(owner, "__dict__", {}))
    held.update(held.get("_modules") or {} if isinstance(owner, nn.Module) else {})
    return next((name for name, value in held.items() if value is thing), "")


def _source_of(frame: FrameType) -> Source:
    """A function, cell or file, still without its text; `place.line` is the number of its first line."""
    code = frame.f_code
    module = code.co_name == "<module>"
    shift = line_of(frame, 1 if module else code.co_firstlineno)  # a cell's own numbering may begin elsewhere
    place = Location(**location_fields(shift)) if shift is not None else Location()
    return Source(place, "" if module else code.co_name, "", _reads_gradients(frame))


def _text(code: CodeType, lines: list[str]) -> str:
    """A function's own lines, or all lines of a cell or file."""
    if code.co_name != "<module>" and lines:
        try:
            lines = inspect.getblock(lines[code.co_firstlineno - 1 :])
        except (SyntaxError, IndexError, ValueError):
            return ""
    return "".join(lines[:LONGEST])


def _reads_gradients(frame: FrameType) -> bool:
    """Whether this function, or one of the user's that it calls by name, speaks of `.grad`."""
    code, variables = frame.f_code, variables_of(frame)
    owner = type(variables.get("self"))
    spoken = [variables.get(name, frame.f_globals.get(name, getattr(owner, name, None))) for name in (*code.co_names, *code.co_freevars)]
    codes = [thing.__code__ for thing in spoken if isinstance(thing, FunctionType)]
    return _speaks_of("grad", code) or any(is_users(called) and _speaks_of("grad", called) for called in codes)


def _speaks_of(name: str, code: CodeType) -> bool:
    return name in code.co_names or any(_speaks_of(name, inner) for inner in code.co_consts if isinstance(inner, CodeType))
