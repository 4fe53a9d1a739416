"""What is known of a step that raised, in plain values, and how it is laid out."""

from __future__ import annotations

from dataclasses import dataclass

from nbdebug.findings import Location
from nbdebug.page import Note, Panel, Table

PHASES = {  # phase → where it raised, in a sentence
    "inputs": "before the model was called", "forward": "in the forward pass", "loss": "in the loss", "backward": "in the backward pass",
    "optimizer": "in the optimizer", "data": "while the data was loaded", "load": "while a state was loaded",
    "model": "while a model was built", "operation": "in an operation outside of any module",
}  # fmt: skip
COMPARE = "compare the shapes, dtypes and devices that met there"


@dataclass(frozen=True)
class Operand:
    """One of the tensors that met where the step raised."""

    name: str  # as the user writes it, as the function calls it, or the path of a parameter
    shape: tuple[int, ...]
    dtype: str  # "float32"
    device: str  # "cpu", "cuda:0"

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {self.shape}" + (f" on {self.device}" if self.device != "cpu" else "")


@dataclass(frozen=True)
class WayStep:
    """One operation on the way to the place that raised, with what came out of it."""

    module: str  # dotted path of the module that ran it
    operator: str
    line: str  # the user's own: "train.py, line 3: x = f(x)"
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Mend:
    """What may help, and what came of trying it on copies."""

    what: str
    code: str  # to paste; "" when it is no matter of a line
    why: str
    tried: str  # "works: …", "gets further: …" or "not tried: …"

    @property
    def works(self) -> bool:
        return self.tried.startswith("works")


@dataclass(frozen=True)
class MemoryRow:
    """Where memory went, by module or by variable."""

    holder: str
    kind: str  # "parameters", "gradients", "optimizer state", "buffers", "activations" or "tensor"
    mebibytes: float


@dataclass(frozen=True)
class Crash:
    """A training that raised, explained as far as it could be."""

    phase: str  # a key of PHASES; "" for an error that is no tensor operation's
    error: str  # name of the exception
    message: str  # what it says, in one line
    location: Location = Location()
    line: str = ""  # the user's own line, with its text
    operands: tuple[Operand, ...] = ()
    given: str = ""  # what the module got, when that was no tensor
    way: tuple[WayStep, ...] = ()
    mends: tuple[Mend, ...] = ()  # the likeliest first; those that were tried and did not help are left out
    why: str = ""  # what does not fit, in a sentence; "" when only torch's own words are known
    rerun: str = ""  # what was run again to find this; "" when the frames of the traceback are all that is known
    memory: tuple[MemoryRow, ...] = ()  # of an error of memory
    released: str = ""  # what was done about the traceback's hold on the tensors
    stopped: str = ""  # why nbdebug could not look further; "" when it could
    tensors: bool = True  # whether the error comes from a tensor operation

    @property
    def is_memory(self) -> bool:
        """Whether memory ran out."""
        return self.error == "OutOfMemoryError" or "allocate memory" in self.message or "out of memory" in self.message

    def sentence(self) -> str:
        """What happened, as one would say it to a colleague."""
        where = f"{'an operation' if self.phase == 'operation' else self.phase} raised " if self.phase else ""
        if self.why and self.why not in self.message:
            return f"{where}{self.error}: {self.why} ({_shortened(self.message).rstrip('.')})"
        met = f"; there met {', '.join(map(str, self.operands[:4]))}" if self.operands else self.given and f"; it was given {self.given}"
        return f"{where}{self.error}: {self.message}{met}"

    def advice(self) -> str:
        """The likeliest mend, and whether it was tried."""
        if not self.mends:
            return f"no mend was found: {COMPARE}" if self.tensors else ""
        best = self.mends[0]
        code = f": {best.code}" if best.code and "\n" not in best.code else ""
        return f"{best.what}{code}" + (" (tried on copies, and it works)" if best.works else "")

    def panels(self) -> tuple[Panel, ...]:
        """The mend, what met there, the way to it, memory, other mends, torch's own words."""
        panels: list[Panel] = self._likely()
        if self.memory:
            rows = tuple((m.holder, m.kind, round(m.mebibytes, 1)) for m in self.memory)
            panels.append(Table("memory", ("holder", "kind", "MiB"), rows))
        if self.operands:
            rows = tuple((o.name, str(o.shape), o.dtype, o.device) for o in self.operands)
            panels.append(Table("what met there", ("tensor", "shape", "dtype", "device"), rows))
        if self.way:
            panels.append(self._way())
        if len(self.mends) > 1:
            rows = tuple((m.what, m.code, m.tried) for m in self.mends[1:])
            panels.append(Table("what else may be meant", ("mend", "code", "tried"), rows))
        return (*panels, Note("what happened", "\n".join(self._lines())))

    def _likely(self) -> list[Panel]:
        if not self.mends:
            return []
        best = self.mends[0]
        return [Note("likely mend", "\n".join(part for part in (f"# {best.what}", best.code, f"# {best.tried}") if part), "code")]

    def _way(self) -> Table:
        here = self.line.partition(", line ")[0]
        rows = [(w.module, _short(w.operator), str(w.shape), *_place_and_text(w.line, here)) for w in self.way]
        if "inplace operation" not in self.message:
            rows.append((self.location.module, _short(self.location.operator) or self.error, "raised", *_place_and_text(self.line, here)))
        return Table("the way to it", ("module", "operation", "output shape", "where", "code"), tuple(rows), f"run again on copies; lines of {here}")

    def _lines(self) -> list[str]:
        lines = [f"raised {PHASES[self.phase]}: {self.error}: {self.message}" if self.phase else f"raised {self.error}: {self.message}"]
        lines += [text for text in (self.why, self.line, self.released) if text]
        if not self.tensors and not self.why:
            lines.append("no tensor operation raised this, but Python code; nbdebug explains errors of shapes, dtypes, devices, memory and gradients")
        elif self.tensors and not self.mends:
            lines.append(f"torch said so; no mend was found: {COMPARE}")
        if self.stopped:
            lines.append(self.stopped)
        if self.rerun:
            lines.append(f"{self.rerun} was run again on copies to find this")
        return lines


def _place_and_text(line: str, here: str) -> tuple[str, str]:
    """`train.py, line 3: x = f(x)` in its two parts, the file left out where it is that of the crash."""
    place, _, text = line.partition(": ")
    return place.removeprefix(f"{here}, "), _shortened(text.partition("  # ")[0], 64)


def _short(operator: str) -> str:
    return operator.removeprefix("torch.nn.functional.").removeprefix("torch.Tensor.").removeprefix("torch.")


def _shortened(message: str, most: int = 120) -> str:
    return message if len(message) <= most else message[:most] + "…"
