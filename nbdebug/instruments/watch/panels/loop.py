"""The loop as it ran, in a table: which call, at which line, how often between two updates."""

from __future__ import annotations

from collections.abc import Iterator

from nbdebug.instruments.watch.result import Cycle, Event, WatchResult
from nbdebug.page import Table

MOST_OTHERS = 4  # kinds of update that are shown beside the most frequent one
MOST_ROWS = 40  # events of one cycle
COLUMNS = ("line", "what", "times")


def loop_panels(result: WatchResult) -> Iterator[Table]:
    """The cycle that was most frequent, then the other ones, each with the steps it was seen at."""
    cycles = sorted((c for c in result.cycles if c.events), key=lambda c: -c.times)
    if not cycles:
        return
    most, *others = cycles
    total = max(result.steps, most.times)
    yield _table(f"the loop as it ran: {most.times:,} of {total:,} updates", most)
    shown = sorted(others[:MOST_OTHERS], key=lambda c: c.first)
    for number, cycle in enumerate(shown, start=1):
        left = len(others) - len(shown)
        more = f"{left:,} more kinds of update are not shown" if left and number == len(shown) else ""
        after = cycle.first >= result.steps and not cycle.of("step", "backward")
        yield _table("after the last update" if after else f"the loop {_span(cycle)}", cycle, more)


def _table(title: str, cycle: Cycle, caption: str = "") -> Table:
    rows = tuple((str(event.place) or "–", said(event), event.times) for event in cycle.events[:MOST_ROWS])
    cut = len(cycle.events) - len(rows)
    words = [f"{cut:,} more calls are not shown"] if cut > 0 else []
    return Table(title, COLUMNS, rows, caption="; ".join(filter(None, [*words, caption])))


def _span(cycle: Cycle) -> str:
    if cycle.times == 1:
        return f"at step {cycle.first:,}"
    return f"in {cycle.times:,} updates, from step {cycle.first:,} to {cycle.last:,}"


def said(event: Event) -> str:
    """An event in the words of the code that caused it."""
    return _PHRASES[event.kind](event) if event.kind in _PHRASES else event.kind


def _forward(event: Event) -> str:
    facts = event.facts
    parts = [f"{event.who}(…) in {'train' if facts.get('training') else 'eval'} mode"]
    parts += [] if facts.get("grad") else ["no gradients"]
    parts += [f"autocast to {facts['autocast']}"] if facts.get("autocast") else []
    return ", ".join(parts)


def _backward(event: Event) -> str:
    facts = event.facts
    parts = ["backward"]
    reached, onto = facts.get("reached"), facts.get("onto")
    parts += [f"adds to gradients of {onto}"] if onto else []  # short: a terminal cuts a long cell in the middle
    parts += [f"reaches {reached or 'no optimizer'}"] if not onto or onto != reached else []
    parts += ["the loss is divided"] if facts.get("divided") else []
    parts += ["scaled"] if facts.get("scaled") else []
    parts += ["keeps its graph"] if facts.get("retain") else []
    return ", ".join(parts)


def _step(event: Event) -> str:
    facts = event.facts
    if facts.get("skipped"):
        return f"{event.who}.step() skipped by the scaler"
    parts = [f"{event.who}.step()"]
    parts += [f"with {'no' if facts['gradients'] == 'none' else 'zero'} gradients"] if facts.get("gradients") in ("none", "zero") else []
    parts += ["with used gradients"] if facts.get("stale") else []
    return ", ".join(parts)


def _zero(event: Event) -> str:
    threw = event.facts.get("threw")
    return f"{event.who}.zero_grad()" + (f", throws away gradients of {threw} that no step had used" if threw else "")


def _load(event: Event) -> str:
    facts = event.facts
    if facts.get("optimizer"):
        return f"{event.who}.load_state_dict(…)"
    counts = [f"{facts[name]} {name}" for name in ("matched", "missing", "unexpected") if facts.get(name)]
    return f"{event.who}.load_state_dict(…): {', '.join(counts) or 'nothing matched'}"


_PHRASES = {
    "epoch": lambda e: f"an iteration over {e.who} begins",
    "batch": lambda e: f"a batch of {e.who}",
    "mode": lambda e: f"{e.who}.{'train' if e.facts.get('training') else 'eval'}()",
    "forward": _forward,
    "loss": lambda e: f"{e.who}(…)" + ("" if e.facts.get("grad") else " without a gradient"),
    "backward": _backward,
    "zero": _zero,
    "clip": lambda e: f"gradients of {e.who or 'the model'} clipped by {e.facts.get('by')} to {e.facts.get('limit'):g}",
    "unscale": lambda e: f"gradients of {e.who} unscaled",
    "step": _step,
    "scaler_update": lambda e: f"{e.who}.update()",
    "schedule": lambda e: f"{e.who}.step()" + (", before any step of its optimizer" if e.facts.get("early") else ""),
    "state": lambda e: f"{e.who}.state_dict()",
    "load": _load,
}
