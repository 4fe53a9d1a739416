"""The programs of the scoreboard: small trainings as users write them, each with one fault and its mended twin, or sound.

A file under `programs/` is one program. Its docstring says the code, the objects that are to blame and where the fault shows. A line that ends in `# fault` is guilty;
the `# fixed:` lines below it replace it in the twin. A line that ends in `# here` is a right answer to "which line?" as well.
"""

from __future__ import annotations

import ast
import linecache
import re
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nbdebug import TrainingSetup

HOME = Path(__file__).parent / "programs"
HALVES = ("tuned_on", "held_out")  # the folders; nothing was tuned on the second
FIXED = re.compile(r"(\s*)# fixed:(?: (.*))?$")
PARTS = ("model", "loss_fn", "optimizer", "train_loader", "val_loader", "scheduler", "scaler", "precision", "batch_loss")


@dataclass(frozen=True)
class Program:
    """One program, or the mended twin of one."""

    name: str
    half: str
    kind: str  # "sick", "twin" or "sound"
    text: str
    codes: frozenset[str]  # any of which is the right one; empty unless sick
    objects: tuple[str, ...]  # names, any of which points at what is wrong
    lines: frozenset[int]  # 1-based, any of which is right
    seen: str  # "checkup", "watch" or "both": where its author expects it to show

    @property
    def path(self) -> str:
        """As it stands in a traceback; no file of that name exists."""
        return f"/programs/{self.name}{'_mended' if self.kind == 'twin' else ''}.py"

    def opened(self) -> dict[str, Any]:
        """The globals of the program after it ran up to its training."""
        module = types.ModuleType(f"program_{self.name}")
        module.__file__ = self.path
        sys.modules[module.__name__] = module  # for dataclasses, and for what looks a class's source up
        sys.modules["__main__"] = module  # it is the user's script; under its own name it would train at once
        linecache.cache[self.path] = (len(self.text), None, self.text.splitlines(keepends=True), self.path)
        exec(compile(self.text, self.path, "exec"), module.__dict__)
        return module.__dict__

    def setup(self, space: dict[str, Any]) -> TrainingSetup:
        """What its globals are to nbdebug."""
        given = {part: space[part] for part in PARTS if space.get(part) is not None}
        if not isinstance(given.get("scaler"), torch.amp.GradScaler):  # many a table's StandardScaler has that name
            given.pop("scaler", None)
        return TrainingSetup(**given)


def programs(half: str) -> Iterator[Program]:
    """Every program of a half, and the twins."""
    for path in sorted((HOME / half).glob("*.py")):
        text = path.read_text()
        said = _said(ast.get_docstring(ast.parse(text)) or "")
        name, code = path.stem, said.get("code", "none")
        if code == "none":
            yield Program(name, half, "sound", text, frozenset(), (), frozenset(), "")
            continue
        codes = frozenset(re.findall(r"ND\d{3}", f"{code} {said.get('also', '')}"))
        objects = tuple(word.strip() for word in re.split(r"[|,]", said.get("object", "")) if word.strip())
        lines = frozenset(n for n, line in enumerate(text.splitlines(), 1) if re.search(r"# (fault|here)\s*$", line))
        yield Program(name, half, "sick", text, codes, objects, lines, said.get("seen", "both"))
        yield Program(name, half, "twin", mended(text), frozenset(), (), frozenset(), "")


def _said(docstring: str) -> dict[str, str]:
    """The fields of a docstring; what follows a # is a remark."""
    found = re.findall(r"^(code|also|object|seen|trait):[ \t]*(.*)$", docstring, flags=re.MULTILINE)
    return {key: value.partition("#")[0].strip() for key, value in found}


def mended(text: str) -> str:
    """The program with every guilty line replaced by its fixed lines, and without the marks."""
    kept, lines = [], iter(text.splitlines())
    line = next(lines, None)
    while line is not None:
        guilty = re.search(r"# fault\s*$", line)
        if not guilty:
            kept.append(line)
        line = next(lines, None)
        while guilty and line is not None and (fixed := FIXED.match(line)):
            if (fixed[2] or "").strip():
                kept.append(fixed[1] + fixed[2])
            line = next(lines, None)
    return "\n".join(kept) + "\n"


def unmarked(text: str) -> str:
    """The program without its marks, on the same lines: what the tools get to read."""
    plain = []
    for line in text.splitlines():
        told = FIXED.match(line) or re.match(r"(code|also|object|seen|trait):", line)
        plain.append("" if told else re.sub(r"\s*# (fault|here)\s*$", "", line))
    return "\n".join(plain) + "\n"
