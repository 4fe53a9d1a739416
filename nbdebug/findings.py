"""What was found, where, and how sure: Finding, Severity, Location."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

STATIONS = {  # the first digit of a code is the station of the training step where the trouble sits
    "1": "data",
    "2": "model and initialisation",
    "3": "forward",
    "4": "loss",
    "5": "backward",
    "6": "update",
    "7": "the run",
    "8": "precision, launch, distribution",
    "0": "nbdebug itself",
    "9": "your own checks",
}


class Severity(str, Enum):
    """How much it matters. Only errors and warnings are alarms."""

    ERROR = "error"  # this training cannot be right
    WARNING = "warning"  # very likely wrong
    INFO = "info"  # worth knowing

    @property
    def rank(self) -> int:
        """0 for the worst, so that sorting puts errors first."""
        return list(Severity).index(self)

    def __str__(self) -> str:
        return self.value


ERROR, WARNING, INFO = Severity


@dataclass(frozen=True)
class Location:
    """Where the trouble sits. Every field may be empty; `str()` reads like
    `Cell In[7], line 12 in Net.forward: y = x / s · encoder.norm · aten.div`."""

    module: str = ""  # dotted path as in model.named_modules()
    parameter: str = ""  # dotted path as in model.named_parameters()
    operator: str = ""  # e.g. torch.nn.functional.softmax
    file: str = ""
    line: int | None = None  # 1-based, in the file or in the cell
    cell: int | None = None  # the number in In[...], when the line lies in a notebook cell
    detail: str = ""  # whatever else names the place: a dataset index, a column, an optimizer group
    function: str = ""  # that holds the line, with its class: Net.forward
    text: str = ""  # what stands on the line

    def __str__(self) -> str:
        parts = [self._source(), self.parameter or self.module, self.operator, self.detail]
        return " · ".join(part for part in parts if part)

    def __bool__(self) -> bool:
        return bool(str(self))

    def _source(self) -> str:
        if self.line is None:
            return self.file
        where = f"Cell In[{self.cell}]" if self.cell is not None else self.file or "Cell"
        within = f" in {self.function}" if self.function else ""
        return f"{where}, line {self.line}{within}" + (f": {self.text}" if self.text else "")


@dataclass(frozen=True)
class Finding:
    """One trouble, said so that a colleague could act on it."""

    code: str  # stable for ever; nbdebug.explain(code) prints its page
    title: str
    severity: Severity
    message: str  # what was seen, beside what it is compared to
    advice: str  # one thing to try next
    location: Location = Location()
    evidence: dict[str, float | int | str | bool | None] = field(default_factory=dict)
    symptoms: tuple[Finding, ...] = ()  # what this finding explains, folded under it

    @property
    def station(self) -> str:
        """The station of the training step, from the first digit of the code."""
        return STATIONS[self.code[2]]

    def __str__(self) -> str:
        where = f"{self.location}: " if self.location else ""
        return f"{self.code} {self.severity} · {self.title} · {where}{self.message}. Try: {self.advice}"
