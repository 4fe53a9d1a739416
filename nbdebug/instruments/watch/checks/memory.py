"""Checks of what outlives its step: graphs that pile up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from nbdebug.errors import NotChecked
from nbdebug.findings import WARNING, Location
from nbdebug.instruments.base import Seen
from nbdebug.instruments.watch.reading.source import scopes, where_it_grows, where_its_name_grows
from nbdebug.instruments.watch.result import Retained, WatchResult
from nbdebug.instruments.watch.retained import MANY
from nbdebug.instruments.watch.session import watched


@watched.check(
    "ND506", "graph kept from step to step", severity=WARNING,
    advice="keep the number, not the tensor with its graph: loss.item(), or loss.detach()",
)  # fmt: skip
def graph_retained(result: WatchResult) -> Iterator[Seen]:
    """Graphs of steps long gone are kept, so that memory grows with every step.

    Wrong: a loss or an output holds the graph that computed it. Added to a sum or put in a list, it keeps that graph alive
        for as long as the sum or list lives; a hidden state that is not detached keeps all steps before it, and makes every
        backward pass longer.
    Seen: the graphs of 20 updates or more were alive at once, also after the garbage collector ran; or an evaluation kept
        those of 20 batches or more; or a graph that backward(retain_graph=True) keeps became 4 times as large and went on
        growing. 20 is our choice: one update's graphs (accumulation, backpropagation through time) are not counted, and a
        deque with maxlen, which forgets, is not accused.
    Where: the line that adds to what holds them, if it is found, else the line that built them; and the variable.
    Try: loss.item() for curves, outputs.detach() for metrics, hidden = hidden.detach() between steps, torch.no_grad() around
        validation.
    Bad:
        total_loss = 0.0
        for epoch in range(4):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
                total_loss += loss
    Good:
        total_loss = 0.0
        for epoch in range(4):
            for x, y in train_loader:
                optimizer.zero_grad()
                loss = loss_fn(model(x), y)
                loss.backward()
                optimizer.step()
                total_loss += loss.item()
    Source: PyTorch documentation, FAQ, "My model reports out of memory": don't accumulate history across your training loop.
    """
    if result.steps < MANY and not result.retained:
        raise NotChecked(f"because {result.steps} steps are too few to see graphs pile up, {MANY} are enough")
    for retained in result.retained:
        yield {"loss": _piled_up, "output": _evaluated, "graph": _grown}[retained.what](result, retained)


def _piled_up(result: WatchResult, retained: Retained) -> Seen:
    found = _fed_at(result, retained)
    deed = {"added": "what is added to it still has its graph", "appended": "what is put into it still has its graph"}
    held = f": `{retained.holder}` holds them, {deed.get(found[1] if found else '', 'and carries the past into every step')}"
    carried = found is not None and found[1] == "carried over"
    return Seen(
        f"at step {retained.last} the graphs of {retained.alive} updates were alive (those since step {retained.first})"
        + (held if retained.holder else "; what holds them was not found among the loop's variables"),
        _location(found[0] if found else retained.place, retained.holder),
        {"updates_alive": retained.alive, "grew_in_a_row": retained.grew, "first": retained.first, "last": retained.last},
        advice=f"detach it between steps: {retained.holder} = {retained.holder}.detach()" if carried else None,
    )


def _evaluated(result: WatchResult, retained: Retained) -> Seen:
    found = _fed_at(result, retained)
    held = f" in `{retained.holder}`" if retained.holder else ""
    return Seen(
        f"an evaluation after step {retained.first - 1} kept the graphs of {retained.alive} forward passes{held}, and no backward "
        "pass used them: memory holds every activation of the whole evaluation",
        _location(found[0] if found else retained.place, retained.holder),
        {"forward_passes_alive": retained.alive, "first": retained.first},
        advice="put the evaluation under torch.no_grad()",
    )


def _grown(result: WatchResult, retained: Retained) -> Seen:
    return Seen(
        f"the graph that this backward pass keeps (retain_graph=True) grew from {retained.before} to {retained.alive} nodes in "
        f"{retained.grew} passes (steps {retained.first} to {retained.last}): every step goes back through all the steps before it",
        _location(retained.place, ""),
        {"nodes_first": retained.before, "nodes_last": retained.alive, "passes": retained.grew, "first": retained.first, "last": retained.last},
        advice="detach the state that is carried from step to step, and leave out retain_graph=True",
    )


def _fed_at(result: WatchResult, retained: Retained) -> tuple[Location, str] | None:
    """The statement that feeds the holder, among those that ran or in the text around them."""
    if not retained.holder:
        return None
    found = where_it_grows(scopes(result.sources), retained.holder, retained.function)
    return found or (where_its_name_grows(retained.holder) if "." in retained.holder else None)


def _location(place: Location, holder: str) -> Location:
    return replace(place, detail=holder)
