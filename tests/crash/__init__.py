"""Small trainings that raise, each with its fixed twin, the module and line that an explanation must name, and a word of its mend.

    @crashes(module="fc", mend="flatten")
    def pictures_into_a_linear_layer(sick):
        ...
        logits = model(x)  # guilty

The location must lie on a line that ends in `# guilty`. Half of them are held out: they were written before the
explanations. At their first run 20 of 23 mends were right; its misses showed faults of the engine that were then mended, so the half is used up.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class CrashPatient:
    name: str
    run: Callable[[bool], object]
    module: str  # dotted path from the outermost module of the traceback; "" for that one, or for none
    mend: tuple[str, ...]  # the first mend must hold one of these words
    phase: str
    guilty: frozenset[int]  # lines of its file
    file: str
    held_out: bool

    def raised(self) -> BaseException:
        """What the sick one raises."""
        torch.manual_seed(0)
        try:
            self.run(True)
        except Exception as error:
            return error
        raise AssertionError(f"{self.name} does not raise")


PATIENTS: list[CrashPatient] = []


def crashes(mend: str | tuple[str, ...], *, module: str = "", phase: str = "forward", held_out: bool = False) -> Callable:
    def register(run: Callable[[bool], object]) -> Callable[[bool], object]:
        lines, first = inspect.getsourcelines(run)
        guilty = frozenset(first + i for i, line in enumerate(lines) if line.rstrip().endswith("# guilty"))
        words = (mend,) if isinstance(mend, str) else mend
        PATIENTS.append(CrashPatient(run.__name__, run, module, words, phase, guilty, inspect.getfile(run), held_out))
        return run

    return register
