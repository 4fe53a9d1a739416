"""Graphs that outlive their step: how many of those that were built are still held, and by what."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from types import FrameType
from typing import Any
from weakref import ref

from torch import Tensor, nn

from nbdebug.findings import Location
from nbdebug.instruments.watch.call_facts import with_graph
from nbdebug.instruments.watch.holders import carried, graph_size, holder_of
from nbdebug.instruments.watch.result import Retained

MARK = "nbdebug.watch"  # key in the metadata of a graph's last nodes, which live as long as something holds the graph;
# with a number, because a list of an earlier watch's losses is none of the next one's
MANY = 20  # updates whose graphs are alive at once, or batches of one evaluation; our choice: accumulation and truncated
# backpropagation keep the graphs of one update, and running means for the eye are rarely of more than ten
LOOKS = 3  # times that the variables are searched for what holds the graphs
EACH, ONE_IN = 32, 7  # updates whose graphs are all marked, when they go as those before; one in so many after them, which stands for as many.
# Seven, because what a loop does now and then it does at every 2nd, 5th, 8th, 10th; our choice
FEWEST = 8  # marks that are alive, below which graphs do not pile up, however many they stand for
NODES = 50_000  # of a graph that are counted at most
STOCK, STOCKS = 8, 16  # graphs more than at the last count, at which they are counted again; of many a sixteenth more; our choice
LARGER = 4.0  # times larger a kept graph has become in at least MANY passes, and by a third at each of the last doublings

_watches = itertools.count()


class _Mark:
    """Lies in the nodes that a graph ends in, and is gone when the graph is. It refers to nothing of ours."""

    __slots__ = ("__weakref__", "place", "stands", "step")

    def __init__(self, step: int, place: int, stands: int = 1) -> None:
        self.step, self.place, self.stands = step, place, stands  # how many updates it stands for, of which this is the last


class Graphs:
    """Counts the graphs that are alive. `places` are the locations that place numbers stand for."""

    def __init__(self, places: list[Location]) -> None:
        self._places = places
        self._key = f"{MARK} {next(_watches)}"
        self.update = 0  # that is under way
        self.full = False  # there are so many marks that they are to be counted
        self.awaited = False  # a graph is to be marked where its backward pass begins: no model gave it
        self.evaluated = False  # an evaluation kept a graph, or perhaps does
        self._marks: list[ref[_Mark]] = []  # of all graphs that are alive, and of some that no longer are
        self._due = STOCK  # marks at which they are counted
        self._outputs: list[ref[_Mark]] = []  # the same, of the evaluation under way
        self._limit, self._looks = MANY, 0
        self._held: Retained | None = None
        self._training = True  # mode of the forward pass that came last
        self._evaluation: Retained | None = None
        self._passes: Counter[int] = Counter()  # place → backward passes that kept their graph
        self._carried: dict[int, list[tuple[dict[str, Any], str]]] = {}  # id of a model → where its modules hold graphs
        self._sizes: dict[int, list[Retained]] = {}  # place → the graph at its 1st, 2nd, 4th, 8th … pass

    def built(self, tensors: Iterable[Tensor], *, training: bool, place: int, frame: FrameType | None) -> None:
        """A forward pass of a model in this mode gave these."""
        self._training = training
        marked = self._mark(tensors, place)
        if training or not marked:
            return
        self.evaluated = True
        self._outputs.append(self._marks[-1])
        if len(self._outputs) >= MANY:
            self._outputs = [held for held in self._outputs if held() is not None]
            if frame is not None and len(self._outputs) >= MANY:
                self._look_at_evaluation(len(self._outputs), place, frame)

    def built_again(self, model: nn.Module, place: int, step: int, stands: int, output: Any) -> int:
        """A forward pass for training, as those before, in this update; gives how many of those that follow need no mark.

        Args:
            stands: for how many of them this one stands.
        """
        self.update, self._training = step, True
        node = output.grad_fn if type(output) is Tensor else None
        if node is None or self._carried or _is_seldom(step):
            self.awaited = not self._mark([*with_graph(output), *self.carried_by(model)], place, stands)
        else:
            mark = _Mark(step, place, stands)
            self._keep(mark)
            node.metadata[self._key] = mark
        return 0 if step < EACH or self._carried or self.awaited else min(ONE_IN, _next_seldom(step) - step) - 1

    def carried_by(self, model: nn.Module) -> list[Tensor]:
        """What the model's own buffers and attributes hold with a graph: a state that no loss leads to. They are looked for now and then."""
        if _is_seldom(self.update):
            self._carried.pop(id(model), None)
            if found := list(carried(model)):
                self._carried[id(model)] = found
        held = (places.get(name) for places, name in self._carried.get(id(model), ()))
        return [tensor for tensor in held if isinstance(tensor, Tensor) and tensor.grad_fn is not None]

    def close(self) -> None:
        """Lets go of the models."""
        self._carried.clear()

    def descends_again(self, root: Tensor, step: int, *, retain: bool, place: int, trained: bool) -> None:
        """A backward pass of this update begins, as those before.

        Args:
            trained: a forward pass for training came before it.
        """
        self.update, self.awaited, self._training = step, False, trained or self._training
        self.descends([root], retain=retain, place=place)

    def descends(self, roots: list[Tensor], *, retain: bool, place: int) -> None:
        """A backward pass from these begins; `retain`: it keeps its graph."""
        if self._evaluation is not None and self._evaluation.last < 0:  # what was kept was for nothing, or for this
            self._evaluation = replace(self._evaluation, last=self.update) if self._training else None
        self._outputs, self.evaluated = [], self._evaluation is not None
        self._mark(roots, place)
        if retain and roots:
            self._passes[place] += 1
            count = self._passes[place]
            if count & (count - 1) == 0:
                self._sizes.setdefault(place, []).append(self._retained("graph", graph_size(roots[0], NODES), count, place))

    def step(self, step: int, frame: FrameType) -> None:
        """An update is over."""
        self.update = step + 1
        if self.full:
            self.count(frame)

    def plain(self) -> tuple[Retained, ...]:
        """What was held for too long."""
        self.count(None)
        evaluation = self._evaluation if self.update else None
        return tuple(r for r in (self._held or self._growing(), evaluation) if r is not None)

    def count(self, frame: FrameType | None) -> None:
        """Whose graphs are alive. Without a frame it is only asked how many more of those that are held."""
        steps = _updates(self._alive())  # a mark that is held here would outlive its graph
        self._due = len(self._marks) + max(STOCK, len(self._marks) // STOCKS)
        self.full = False
        if self._held is not None:
            if len(steps) > self._held.alive:
                self._held = replace(self._held, alive=len(steps), grew=max(_in_a_row(steps), self._held.grew), last=max(steps))
        elif frame is not None and len(steps) >= self._limit and len(self._marks) >= FEWEST and self._looks < LOOKS:
            self._look_for_holder(frame)

    # -- inside -------------------------------------------------------------------------------------------------

    def _keep(self, mark: _Mark) -> None:
        self._marks.append(ref(mark))
        self.full = len(self._marks) >= self._due

    def _mark(self, tensors: Iterable[Tensor], place: int, stands: int = 1) -> bool:
        """Puts one mark into the nodes behind all of these; False where there are none."""
        mark = None
        for tensor in tensors:
            metadata = getattr(tensor.grad_fn, "metadata", None)
            if metadata is not None:
                if mark is None:
                    mark = _Mark(self.update, place, stands)
                    self._keep(mark)
                metadata[self._key] = mark
        return mark is not None

    def _alive(self) -> list[_Mark]:
        """The marks that are still there; the others are forgotten."""
        self._marks = [held for held in self._marks if held() is not None]
        return [mark for held in self._marks if (mark := held()) is not None]

    def _look_for_holder(self, frame: FrameType) -> None:
        """Graphs in cycles that wait for the garbage collector, or in a deque with an end, are no growth."""
        gc.collect()
        self._looks += 1
        marks = self._alive()
        steps = _updates(marks)
        if len(steps) < MANY or len(marks) < FEWEST:
            return
        holder = holder_of(frame, self._key, NODES, before=self.update - 1)
        if holder is not None and holder.bounded:
            self._limit = 2 * len(steps)
            return
        (place, _), *_ = Counter(mark.place for mark in marks).most_common(1)
        held = self._retained("loss", len(steps), max(1, _in_a_row(steps)), place)
        self._held = replace(
            held, first=min(steps), last=self.update - 1, holder=holder.name if holder else "", function=holder.function if holder else "",
        )  # fmt: skip

    def _look_at_evaluation(self, alive: int, place: int, frame: FrameType) -> None:
        """An evaluation keeps the graphs of its batches; whether they are for nothing, the next backward pass tells."""
        if self._evaluation is not None:
            if alive > self._evaluation.alive:
                self._evaluation = replace(self._evaluation, alive=alive, grew=alive)
            return
        holder = holder_of(frame, self._key, NODES, before=self.update + 1)
        self._evaluation = replace(
            self._retained("output", alive, alive, place), last=-1, holder=holder.name if holder else "",
            function=holder.function if holder else "",
        )  # fmt: skip

    def _growing(self) -> Retained | None:
        """A graph that backward passes keep, and that becomes larger with every one."""
        for seen in self._sizes.values():
            nodes = [retained.alive for retained in seen]
            rises = all(later >= 4 / 3 * before for before, later in zip(nodes[-4:], nodes[-3:], strict=False))
            if len(seen) > 3 and seen[-1].grew >= MANY // 2 and nodes[-1] >= LARGER * nodes[0] and rises:
                return replace(seen[-1], first=seen[0].last, before=nodes[0])
        return None

    def _retained(self, what: str, alive: int, grew: int, place: int) -> Retained:
        return Retained(what, alive, grew, "", self._places[place], what != "output", self.update, self.update)


def _is_seldom(step: int) -> bool:
    """Whether it is one of the updates 0, 1, 4, 16, 64 …: to walk through a large model takes long."""
    return not step or (not step & (step - 1) and step.bit_length() % 2 == 1)


def _next_seldom(step: int) -> int:
    """The first of these after this update."""
    return 1 << (step.bit_length() + 1 & ~1)


def _updates(marks: list[_Mark]) -> set[int]:
    """Those that marks stand for."""
    return {mark.step - before for mark in marks for before in range(mark.stands)}


def _in_a_row(steps: set[int]) -> int:
    """The last updates of these without a gap."""
    last = max(steps)
    return next(number for number in itertools.count(1) if last - number not in steps)
