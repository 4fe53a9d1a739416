"""The profile as panels: phases, modules, operators, what halts, what is gained."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.crash.memory import said_bytes
from nbdebug.findings import Location
from nbdebug.instruments.profile.result import NO_TIME, Gain, Halt, ModuleCost, OperatorCost, Profile
from nbdebug.page import Histogram, Note, Panel, Table

NOISE = "by turns with the step as it is; noise: how far that is from itself within a round. A gain is beyond it in nearly every round"
ROWS = 15  # modules and operators that are shown


def panels(result: Profile) -> Iterator[Panel]:
    """All panels of a profile."""
    if result.bare is None:
        return
    if result.gains:
        yield from _offers(result)
    if result.phases:
        yield Table("where a step's time goes", ("phase", "ms", "share", "noise"), tuple(_phases(result)), _measured(result))
        yield from _tried(result)
        yield _bars("milliseconds by phase", [(p.name, {"µs": p.seconds}) for p in result.phases])
    if result.modules:
        yield from _modules(result)
    if result.operators:
        columns = ("operator", "way", "ms a step", "share", "calls", "module", "line")
        rows = tuple(_operator(row) for row in result.operators[:ROWS])
        yield Table("the dearest operators", columns, rows, "each without the operators in it, under the profiler, which makes small ones dearer")
    yield from _halts(result)
    if result.trace or result.notes:
        said = [f"the trace is in {result.trace}: open it in ui.perfetto.dev or chrome://tracing"] if result.trace else []
        yield Note("worth knowing", "\n".join(f"- {note}" for note in (*said, *result.notes)))


def _offers(result: Profile) -> Iterator[Panel]:
    for gain in result.offered:
        said = f"gain: {gain.name}, {gain.ratio:.2f} times as fast ({gain.low:.2f} to {gain.high:.2f} in {gain.rounds} rounds)"
        yield Note(said, gain.code + (f"\n# {_numbers(gain)}" if _numbers(gain) else "") + (f"\n# {gain.caution}" if gain.caution else ""), "code")
    light = result.lighter
    if light is not None and light not in result.offered:
        time = f"at {1 / light.ratio:.2f} times the time" if light.ratio else ""
        yield Note(f"lighter: {light.name}, {said_bytes(light.memory_saved)} less at the peak {time}", f"{light.code}\n# {light.caution}", "code")
    if not result.offered:
        tried = ", ".join(gain.name for gain in result.gains if gain.ratio is not None)
        late = ", ".join(gain.name for gain in result.gains if gain.why_not == NO_TIME)
        said = f"tried: {tried or 'nothing could be'}; none is faster beyond the noise with the same numbers"
        yield Note("nothing was gained so far" if late else "nothing cheap to gain", said + (f". There was no time for {late}: a larger budget= tries it" if late else ""))


def _phases(result: Profile) -> Iterator[tuple[str | float | None, ...]]:
    waiting = result.waiting
    whole = sum(p.seconds for p in result.phases) + (waiting.seconds if waiting is not None else 0.0)
    if waiting is not None:
        yield ("waiting for data", _ms(waiting.seconds), f"{waiting.seconds / max(whole, 1e-9):.0%}", f"mean of {waiting.steps}")
    for phase in result.phases:
        noise = (phase.high - phase.low) / 2 / phase.seconds if phase.seconds > 0 else 0.0
        yield (phase.name, _ms(phase.seconds), f"{phase.seconds / max(whole, 1e-9):.0%}", f"± {noise:.0%}")


def _measured(result: Profile) -> str:
    assert result.bare is not None
    whole = sum(phase.seconds for phase in result.phases)
    said = [f"{result.samples or 'an unknown number of'} samples on {result.device}"]
    said.append(f"the bare step takes {_ms(result.bare.seconds)} ms, its phases together {_ms(whole)} ms ({whole / max(result.bare.seconds, 1e-9):.2f} times)")
    if result.ranged is not None:
        said.append(f"with ranges around all modules it takes {result.ranged:.2f} times as long")
    if result.busy is not None and result.device.startswith("cuda"):
        said.append(f"the device is idle {1 - result.busy:.0%} of the step")
    elif result.busy is not None:
        said.append(f"the {result.threads} {'thread computes' if result.threads == 1 else 'threads compute'} {result.busy:.0%} of the time")
    if result.waiting is not None:
        said.append(f"the loop with its loader ({result.waiting.workers} workers) waits {result.waiting.share:.0%} of the time")
    if result.peak is not None:
        said.append(f"at its peak a step takes {said_bytes(result.peak)} beside the {said_bytes(result.held or 0)} that are held")
    return "; ".join(said)


def _modules(result: Profile) -> Iterator[Panel]:
    whole = sum(module.seconds for module in result.modules) or 1.0
    dearest = sorted(result.modules, key=lambda module: -module.seconds)[:ROWS]
    rows = tuple(_module(module, whole) for module in result.modules if module in dearest)
    columns = ("module", "kind", "forward ms", "backward ms", "share", "peak while it runs", "kept for backward")
    more = len(result.modules) - len(rows)
    caption = (
        "each without the modules in it, in the order in which they run, under the profiler, which makes small ones dearer; "
        "the peak counts from what is held between steps"
    )
    yield Table("where it goes, by module", columns, rows, caption + (f"; {more} cheaper ones are left out" if more > 0 else ""))
    bars = [(m.path or m.kind, {"forward": max(0.0, m.forward), "backward": max(0.0, m.backward)}) for m in result.modules if m in dearest[:10]]
    yield _bars("milliseconds by module", bars)


def _module(module: ModuleCost, whole: float) -> tuple[str | float | None, ...]:
    kept = said_bytes(module.kept) if module.kept is not None else None
    peak = said_bytes(module.peak) if module.peak is not None else None
    return (module.path or "(model)", module.kind, _ms(module.forward), _ms(module.backward), f"{module.seconds / whole:.0%}", peak, kept)


def _bars(title: str, bars: list[tuple[str, dict[str, float]]]) -> Histogram:
    """Bars with names, whole microseconds each."""
    names = list(bars[0][1])
    counts = {name: tuple(round(1e6 * seconds[name]) for _, seconds in bars) for name in names}
    return Histogram(title.replace("milli", "micro"), tuple(i - 0.5 for i in range(len(bars) + 1)), counts, bins=tuple(name for name, _ in bars))


def _operator(row: OperatorCost) -> tuple[str | float | None, ...]:
    return (row.operator, row.way, _ms(row.seconds), f"{row.share:.0%}", round(row.calls, 1), row.module, _line(row))


def _halts(result: Profile) -> Iterator[Panel]:
    if result.halts:
        waits = "makes the program wait for the GPU" if result.device.startswith("cuda") else "would make the program wait for a GPU"
        rows = tuple((halt.operator, round(halt.calls, 1), halt.module, _line(halt), halt.text) for halt in result.halts)
        yield Table("calls that need an answer", ("call", "calls a step", "module", "line", "text"), rows, f"each of them {waits}; those in your own loop are not seen")


def _line(row: OperatorCost | Halt) -> str:
    return str(Location(file=row.file, line=row.line, cell=row.cell))


def _tried(result: Profile) -> Iterator[Panel]:
    columns = ("change", "times as fast", "slowest round", "fastest", "rounds", "noise", "memory", "verdict")
    rows = tuple(
        (g.name, g.ratio, g.low, g.high, g.rounds, f"± {g.noise:.0%}" if g.noise is not None else None, f"× {g.memory:.2f}" if g.memory is not None else None, _verdict(g))
        for g in result.gains
        if not g.why_not
    )
    if rows:
        yield Table("what was tried", columns, rows, NOISE)
    if left := tuple((gain.name, gain.why_not) for gain in result.gains if gain.why_not):
        yield Table("not tried", ("change", "why"), left)


def _verdict(gain: Gain) -> str:
    if gain.kept:
        return "gain" if (gain.ratio or 0.0) > 1 else "lighter"
    return "other numbers" if gain.caution.startswith("not offered") else "no gain"


def _numbers(gain: Gain) -> str:
    """What the change does to the numbers."""
    if gain.loss_change is None:
        return ""
    changed = max(gain.loss_change, gain.gradient_change or 0.0)
    return "the same loss and gradient" if changed < 1e-6 else f"the loss differs by {gain.loss_change:.1g}, the gradient by {gain.gradient_change:.1g} (relative)"


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)
