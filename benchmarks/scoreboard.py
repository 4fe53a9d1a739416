"""Does it find what is wrong, name the object and the line, and leave sound programs alone? nbdebug and its peers on the same programs.

    python benchmarks/scoreboard.py                      # the held-out half, nbdebug and every peer that is installed
    python benchmarks/scoreboard.py --half tuned_on      # the half that thresholds were chosen on
    python benchmarks/scoreboard.py --only nbdebug --show
    python benchmarks/scoreboard.py --loops 5            # only the watched loops, so many times: others on the machine make them waver

The programs were written from the catalogue of codes alone, without a look at nbdebug; which half one is in says a hash of its name. nbdebug is asked for a checkup of the
program's objects and then watches its own loop; the alarms of both count, in that order. *loop* is what the loops of the sound programs take when they are
watched as it comes, in what they take alone (the median; most of these steps take a millisecond or two: benchmarks/watch.py measures trainings of a usual size). An alarm is an error or a warning that is not folded under another.
Each program runs in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import math
import multiprocessing
import multiprocessing.connection
import re
import statistics
import sys
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from _doctors import DOCTORS, Said, installed, watched_loop  # noqa: E402
from _programs import HALVES, Program, programs, unmarked  # noqa: E402

RESULTS = Path(__file__).parent / "RESULTS.md"
LIMIT = 120.0  # seconds for a tool on one program; then it said nothing
WANTED = {"recall": 0.90, "first": 0.80, "object": 0.80, "line": 0.65, "false alarms": 0.05}


@dataclass(frozen=True)
class Case:
    """One program and what one tool said of it."""

    program: Program
    said: Said

    def rank(self) -> int | None:
        """Of the first alarm with a right code, from 1; None: there was none."""
        ranks = [n for n, alarm in enumerate(self.said.alarms, 1) if self.program.codes & set(alarm.codes)]
        return ranks[0] if ranks else None

    def names_object(self) -> bool:
        """Whether the right alarm names one of the guilty objects as a word of its own; `mse_loss` names MSELoss."""
        rank = self.rank()
        where = self.said.alarms[rank - 1].where.replace("_", "") if rank else ""
        names = [re.escape(name.replace("_", "")) for name in self.program.objects]
        return any(re.search(rf"(?<!\w){name}(?!\w)", where, re.IGNORECASE) for name in names)

    def names_line(self) -> bool:
        rank = self.rank()
        line = self.said.alarms[rank - 1].line if rank else None
        return line is not None and line[0] == self.program.path and line[1] in self.program.lines


def asked(doctor: Callable[[Program], Said], program: Program) -> Said:
    """In a child process; a crash or the limit is an answer too."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_ask, args=(theirs, doctor, program))
    child.start()
    theirs.close()
    try:
        said = ours.recv() if ours.poll(LIMIT) else Said((), LIMIT, LIMIT, "took too long")
    except EOFError:
        said = Said((), 0.0, trouble="the process died")
    child.kill()
    child.join()
    return said


def _ask(pipe: multiprocessing.connection.Connection, doctor: Callable[[Program], Said], program: Program) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # what the programs print
            said = doctor(replace(program, text=unmarked(program.text)))
    except Exception as error:
        said = Said((), 0.0, trouble=f"{type(error).__name__}: {error}")
    pipe.send(said)


def rounds_of_loops(sound: list[Program], rounds: int) -> list[float]:
    """The median over the sound programs of what a watched loop takes in a bare one, of each round."""
    return [_median(asked(lambda program: Said((), 0.0, loop=watched_loop(program)), program).loop for program in sound) for _ in range(rounds)]


def warm() -> None:
    """What every program imports is imported once, before the processes part: an optimizer alone brings in half of torch."""
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])
    for module in ("sklearn.datasets", "sklearn.model_selection", "transformers", "pandas", "scipy.stats"):
        with contextlib.suppress(ImportError):
            importlib.import_module(module)


# -- figures ----------------------------------------------------------------------------------------------------------


def told(cases: list[Case]) -> dict[str, float]:
    """The figures of one tool."""
    sick = [case for case in cases if case.program.kind == "sick"]
    ranks = [case.rank() for case in sick]
    return {
        "recall": _share(rank is not None for rank in ranks),
        "first": _share(rank == 1 for rank in ranks),
        "in three": _share(rank is not None and rank <= 3 for rank in ranks),
        "object": _share(case.names_object() for case in sick),
        "line": _share(case.names_line() for case in sick),
        "false alarms": _share(bool(case.said.alarms) for case in cases if case.program.kind != "sick"),
        "of twins": _share(bool(case.said.alarms) for case in cases if case.program.kind == "twin"),
        "of sound": _share(bool(case.said.alarms) for case in cases if case.program.kind == "sound"),
        "alarms a sick one": statistics.fmean([len(case.said.alarms) for case in sick] or [math.nan]),
        "median s": statistics.median(case.said.seconds for case in cases),
        "most s": max(case.said.seconds for case in cases),
        "loop": _median(case.said.loop for case in cases),
    }


def _median(values: Iterable[float]) -> float:
    """Of those that could be measured."""
    return statistics.median([value for value in values if not math.isnan(value)] or [math.nan])


def _share(holds: Iterable[bool]) -> float:
    known = list(holds)
    return sum(known) / len(known) if known else float("nan")


def table(figures: dict[str, dict[str, float]]) -> list[str]:
    """As markdown, a tool a row."""
    columns = list(next(iter(figures.values())))
    rows = [f"| {tool} | " + " | ".join(_cell(name, row[name]) for name in columns) + " |" for tool, row in figures.items()]
    return ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns), *rows]


def written(figures: dict[str, dict[str, float]], half: str, path: Path = RESULTS) -> None:
    """Puts the table into its place in RESULTS.md; the rows of tools that were not asked stay."""
    begin, end = f"<!-- scoreboard {half} -->\n", "<!-- end -->"
    before, found, rest = path.read_text().partition(begin)
    if not found:
        raise SystemExit(f"{path} has no place for the table of {half}: put {begin.strip()} and {end} where it belongs")
    old, found, after = rest.partition(end)
    lines = table(figures)
    asked = {line.split("|")[1].strip() for line in lines}
    stays = [line for line in old.splitlines()[2:] if line.split("|")[1].strip() not in asked]
    path.write_text(before + begin + "\n".join([*lines, *stays]) + "\n" + found + after)


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.2f}" if name.endswith((" s", "loop")) or name.startswith("alarms") else f"{value:.0%}"


def miss(case: Case) -> str:
    """What is not as it should be, in a few lines; empty when all is."""
    wrong = _wrong(case)
    if not wrong:
        return ""
    wanted = ",".join(sorted(case.program.codes)) or "silence"
    lines = [f"{case.program.name} ({case.program.kind}, {case.program.seen}): {wrong}; wanted {wanted} {case.said.trouble}"]
    lines += [f"    {','.join(alarm.codes)} {alarm.line} {alarm.where[:200]}" for alarm in case.said.alarms]
    return "\n".join(lines) + "\n"


def _wrong(case: Case) -> str:
    if case.program.kind != "sick":
        return "a false alarm" if case.said.alarms else ""
    failing: dict[str, Callable[[], bool]] = {
        "not found": lambda: case.rank() is None, "not first": lambda: case.rank() != 1,
        f"not the object {case.program.objects}": lambda: not case.names_object(), f"not a line of {sorted(case.program.lines)}": lambda: not case.names_line(),
    }  # fmt: skip
    return next((words for words, fails in failing.items() if fails()), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=HALVES, default="held_out")
    parser.add_argument("--only", nargs="+", choices=list(DOCTORS), default=list(DOCTORS), help="these tools")
    parser.add_argument("--kinds", nargs="+", choices=("sick", "twin", "sound"), default=("sick", "twin", "sound"))
    parser.add_argument("--names", nargs="+", default=(), help="these programs")
    parser.add_argument("--show", action="store_true", help="print what was missed and who was accused")
    parser.add_argument("--no-write", action="store_true", help="leave RESULTS.md as it is; a part of the programs never goes into it")
    parser.add_argument("--loops", type=int, default=0, help="measure nothing but the watched loops of the sound programs, so many times")
    parser.add_argument("--json", help="write every answer into this file")
    options = parser.parse_args()
    chosen = [p for p in programs(options.half) if p.kind in options.kinds and (not options.names or p.name in options.names)]
    kinds = [p.kind for p in chosen]
    codes = {code for p in chosen for code in p.codes}
    print(f"{options.half.upper()}: {kinds.count('sick')} sick with {len(codes)} codes, their {kinds.count('twin')} twins, {kinds.count('sound')} sound; torch {torch.__version__}, one thread\n")
    answers: dict[str, list[Case]] = {}
    warm()
    if options.loops:
        found = rounds_of_loops([p for p in chosen if p.kind == "sound"], options.loops)
        print(f"watched loops, {options.loops} rounds: {statistics.median(found):.3f} in the median, from {min(found):.3f} to {max(found):.3f}; wanted at most 1.10")
        return
    for doctor in options.only:
        if not installed(doctor):
            print(f"{doctor}: not installed")
            continue
        answers[doctor] = []
        for program in chosen:
            answers[doctor].append(Case(program, asked(DOCTORS[doctor][1], program)))
            if options.show:
                print(miss(answers[doctor][-1]), end="", flush=True)
    figures = {doctor: told(cases) for doctor, cases in answers.items()}
    print("\n".join(table(figures)))
    if not (options.names or len(options.kinds) < 3 or options.no_write):
        written(figures, options.half)
    print(f"\nwanted of nbdebug: {', '.join(f'{name} {value:.0%}' for name, value in WANTED.items())}; checkup median < 5 s, most < 20 s, loop at most 1.10")
    if options.json:
        plain = {doctor: [{"name": c.program.name, "kind": c.program.kind, "rank": c.rank(), "alarms": [a.codes for a in c.said.alarms], "trouble": c.said.trouble, "seconds": c.said.seconds} for c in cases] for doctor, cases in answers.items()}
        Path(options.json).write_text(json.dumps(plain, indent=1))


if __name__ == "__main__":
    main()
