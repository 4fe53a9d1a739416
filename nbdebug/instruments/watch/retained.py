"""Graphs that outlive their step: how many of those that were built are still held, and by what."""

from __future__ import annotations

import gc
import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from types import FrameType
from typing import Any

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
NODES = 50_000  # of a graph that are counted at most
LARGER = 4.0  # times larger a kept graph has become in at least MANY passes, and by a third at each of the last doublings

_watches = itertools.count()


class _Census:
    """How many graphs are alive: all that a graph of the user's refers to, and nothing but numbers."""

    __slots__ = ("evaluation", "evaluations", "places", "steps")

    def __init__(self) -> None:
        self.steps: dict[int, int] = {}  # update → its graphs that are alive
        self.places: dict[int, int] = {}  # place → graphs built there that are alive
        self.evaluation = 0  # number of the one under way
        self.evaluations: dict[int, int] = {}  # evaluation → its outputs that are alive


class _Token:
    """Lies in the nodes that a graph ends in, and takes itself off the census when the graph is gone."""

    __slots__ = ("census", "evaluation", "place", "step")

    def __init__(self, census: _Census, step: int, place: int, evaluation: int) -> None:
        self.census, self.step, self.place, self.evaluation = census, step, place, evaluation
        steps, places = census.steps, census.places
        steps[step] = steps.get(step, 0) + 1
        places[place] = places.get(place, 0) + 1
        if evaluation >= 0:
            _count(census.evaluations, evaluation, 1)

    def __del__(self) -> None:
        census, step, place = self.census, self.step, self.place
        if (count := census.steps.get(step, 0)) > 1:
            census.steps[step] = count - 1
        else:
            census.steps.pop(step, None)
        if (count := census.places.get(place, 0)) > 1:
            census.places[place] = count - 1
        else:
            census.places.pop(place, None)
        if self.evaluation >= 0:
            _count(self.census.evaluations, self.evaluation, -1)


def _count(table: dict[int, int], key: int, change: int) -> None:
    count = table.get(key, 0) + change
    if count:
        table[key] = count
    else:
        table.pop(key, None)


class Graphs:
    """Counts the graphs that are alive. `places` are the locations that place numbers stand for."""

    def __init__(self, places: list[Location]) -> None:
        self._places = places
        self._key = f"{MARK} {next(_watches)}"
        self._step = 0  # the update under way
        self._census = _Census()
        self._limit, self._looks = MANY, 0
        self._grew = self._before = 0
        self._held: Retained | None = None
        self._training = True  # mode of the forward pass that came last
        self._evaluation: Retained | None = None
        self._passes: Counter[int] = Counter()  # place → backward passes that kept their graph
        self._carried: dict[int, list[tuple[dict[str, Any], str]]] = {}  # id of a model → where its modules hold graphs
        self._sizes: dict[int, list[Retained]] = {}  # place → the graph at its 1st, 2nd, 4th, 8th … pass
        self._marked = -1  # update of the last graph that was marked

    def built(self, tensors: Iterable[Tensor], *, training: bool, place: int, frame: FrameType | None) -> None:
        """A forward pass of a model in this mode gave these."""
        self._training = training
        self._mark(tensors, place, -1 if training else self._census.evaluation)
        if not training and frame is not None and (alive := self._census.evaluations.get(self._census.evaluation, 0)) >= MANY:
            self._look_at_evaluation(alive, place, frame)

    def built_again(self, model: nn.Module, place: int, output: Any) -> None:
        """A forward pass for training, as those before."""
        step = self._step
        node = output.grad_fn if type(output) is Tensor else None
        if node is None or step & (step - 1) == 0 or self._carried.get(id(model)):
            self.built([*with_graph(output), *self.carried_by(model)], training=True, place=place, frame=None)
            return
        self._training, self._marked = True, step
        node.metadata[self._key] = _Token(self._census, step, place, -1)

    def carried_by(self, model: nn.Module) -> list[Tensor]:
        """What the model's own buffers and attributes hold with a graph: a state that no loss leads to. They are looked for now and then."""
        if self._step & (self._step - 1) == 0:
            self._carried[id(model)] = list(carried(model))
        held = (places.get(name) for places, name in self._carried.get(id(model), ()))
        return [tensor for tensor in held if isinstance(tensor, Tensor) and tensor.grad_fn is not None]

    def close(self) -> None:
        """Lets go of the models."""
        self._carried.clear()

    def descends(self, roots: list[Tensor], *, retain: bool, place: int) -> None:
        """A backward pass from these begins; `retain`: it keeps its graph."""
        if self._evaluation is not None and self._evaluation.last < 0:  # what was kept was for nothing, or for this
            self._evaluation = replace(self._evaluation, last=self._step) if self._training else None
        self._census.evaluation += 1
        self._mark(roots, place, -1)
        if retain and roots:
            self._passes[place] += 1
            count = self._passes[place]
            if count & (count - 1) == 0:
                self._sizes.setdefault(place, []).append(self._retained("graph", graph_size(roots[0], NODES), count, place))

    def descends_again(self, root: Tensor, retain: bool, place: int) -> None:
        """A backward pass as those before. A graph that was marked where a model gave it needs no second mark."""
        if retain or self._evaluation is not None or self._marked != self._step:
            self.descends([root], retain=retain, place=place)
        else:
            self._census.evaluation += 1

    def step(self, step: int, frame: FrameType) -> None:
        """An update is over."""
        self._step = step + 1
        alive = len(self._census.steps)
        self._grew = self._grew + 1 if alive > self._before else 0
        self._before = alive
        if self._held is not None:
            if alive > self._held.alive:
                self._held = replace(self._held, alive=alive, grew=max(self._grew, self._held.grew), last=step)
        elif alive >= self._limit and self._looks < LOOKS:
            self._look_for_holder(frame)

    def plain(self) -> tuple[Retained, ...]:
        """What was held for too long."""
        evaluation = self._evaluation if self._step else None
        return tuple(r for r in (self._held or self._growing(), evaluation) if r is not None)

    # -- inside -------------------------------------------------------------------------------------------------

    def _mark(self, tensors: Iterable[Tensor], place: int, evaluation: int) -> None:
        """Puts one token into the nodes behind all of these."""
        token = None
        for tensor in tensors:
            metadata = getattr(tensor.grad_fn, "metadata", None)
            if metadata is not None:
                token = token or _Token(self._census, self._step, place, evaluation)
                metadata[self._key], self._marked = token, self._step

    def _look_for_holder(self, frame: FrameType) -> None:
        """Graphs in cycles that wait for the garbage collector, or in a deque with an end, are no growth."""
        gc.collect()
        self._looks += 1
        alive = len(self._census.steps)
        if alive < MANY:
            return
        holder = holder_of(frame, self._key, NODES, before=self._step - 1)
        if holder is not None and holder.bounded:
            self._limit = 2 * alive
            return
        places = dict(self._census.places)
        place = max(places, key=lambda place: places[place])
        held = self._retained("loss", alive, max(1, self._grew), place)
        self._held = replace(
            held, first=min(self._census.steps), last=self._step - 1, holder=holder.name if holder else "",
            function=holder.function if holder else "",
        )  # fmt: skip

    def _look_at_evaluation(self, alive: int, place: int, frame: FrameType) -> None:
        """An evaluation keeps the graphs of its batches; whether they are for nothing, the next backward pass tells."""
        if self._evaluation is not None:
            if alive > self._evaluation.alive:
                self._evaluation = replace(self._evaluation, alive=alive, grew=alive)
            return
        holder = holder_of(frame, self._key, NODES, before=self._step + 1)
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
        return Retained(what, alive, grew, "", self._places[place], what != "output", self._step, self._step)
