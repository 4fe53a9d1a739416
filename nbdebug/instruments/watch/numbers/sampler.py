"""How a tensor is looked at: every element of it for NaN and Inf, an evenly spread sample for everything else.

Tensors are looked at a few megabytes at a time: together is twice as fast as one by one between the user's own kernels, and
that much still lies in the cache. On an accelerator whether a sum was finite is read at the end of the step, in the one
transfer; until then the tensor is held, up to a bound, because its NaN and Inf may have to be counted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from nbdebug.instruments.watch.numbers.laid import SMALL, Laid, Samples, layout_of
from nbdebug.instruments.watch.numbers.together import Moved
from nbdebug.instruments.watch.numbers.units import Responses
from nbdebug.instruments.watch.numbers.unseen import unseen
from nbdebug.instruments.watch.numbers.values import SAMPLE, plain_values, sample, to_host

TOGETHER = 4 * 2**20  # bytes of outputs that are looked at together; our choice: a small model costs twice as much one by one; 1 to 16 MB are alike
BACKWARD = 2**20  # of gradients less: the backward pass would use their memory again; our choice
LITTLE = 2**19  # of outputs that are looked at together with their gradients; our choice: of small tensors the calls cost, not the numbers
WAITING = 16 * 2**20  # bytes of gradients that may be held because another will tell about them; our choice
HELD = 64 * 2**20  # bytes of an accelerator's tensors that may be held back until the next transfer; our choice


class Noted:
    """A tensor that is to be looked at. What most have nothing of is the class's: many are made in the middle of a forward pass."""

    responses: Any = None  # is told when a gradient is not all zero
    units: Any = None  # is to look at the units of this output
    by: Noted | None = None  # when that is finite, so is this; it comes before, or after
    earlier = False  # it came before
    waits = False  # it may still come
    back: Any = None  # what hears the gradient of this output
    values: Tensor | None = None
    total: Tensor | None = None  # the sum
    finite: bool | None = None  # None: not known yet, or nothing to know
    vouches = False  # it was finite when the others were made

    def __init__(self, site: Any, row: int, tensor: Tensor, size: int, version: int) -> None:
        self.site, self.row, self.size = site, row, size  # the layer; of the sample
        self.tensor: Tensor | None = tensor
        self.version = version


@dataclass
class Sampler:
    """What was looked at in one step."""

    left_out: dict[str, str]
    pieces: list[tuple[int, Tensor]] = field(default_factory=list)  # row, sample; in the order they came
    together: list[Samples] = field(default_factory=list)  # of many tensors each
    elements: dict[int, int] = field(default_factory=dict)  # row → of all calls together
    nonfinite: dict[int, list[int]] = field(default_factory=dict)  # row → [NaN, +Inf, −Inf], exact; in the order they came
    put_off: list[Laid | Moved] = field(default_factory=list)  # what is looked at later
    transformed = False  # some were made inside vmap or grad, and are none outside
    _later: list[Noted] = field(default_factory=list)
    _last: Noted | None = None  # noted last; may have been looked at since
    _held: list[tuple[int, Tensor, Tensor, int]] = field(default_factory=list)  # row, values, their sum, version
    _bytes: int = 0  # of what was noted since the last flush, or is held

    def output(self, noted: Noted, given: Any) -> Noted | None:
        """Notes an output, to be looked at soon, together with others: that costs half of looking at it now.

        Args:
            noted: what of its layer was changed in place in the meantime is looked at without delay from then on.
            given: what the layer made the output of.

        Returns:
            The layer before, if it was given that one's very output.
        """
        before, tensor, link = self._last, noted.tensor, noted.site.link
        if before is None or before.tensor is not given or not tensor.is_cpu or not _is_unchanged(before, tensor):
            before = None
        elif link == "keeps":
            noted.by, noted.earlier = before, True
        elif link == "tells" and before.finite is None and before.by is None:
            before.by = noted
        self._note(noted, TOGETHER)
        return before

    def little(self, noted: Noted) -> None:
        """Notes an output or a gradient of a model all of whose are small: they are put off together, and none need tell about another."""
        self._later.append(noted)
        self._bytes += noted.tensor.nbytes

    def gradient(self, noted: Noted, told: Sequence[Noted]) -> None:
        """Notes a gradient, which tells about those that came before it and led to it."""
        for other in told:
            other.by, other.waits = noted, False
        self._note(noted, BACKWARD)

    def _note(self, noted: Noted, together: int) -> None:
        tensor, self._last = noted.tensor, noted
        assert tensor is not None
        self._later.append(noted)
        self._bytes += tensor.nbytes if tensor.layout is torch.strided else 0
        if self._bytes > together or noted.site.at_once:
            self.flush()

    def forward_is_over(self) -> None:
        """Looks at the outputs, unless they are so small that they are looked at together with their gradients."""
        if self._bytes > LITTLE:
            self.flush()

    def backward_is_over(self) -> None:
        """Looks at what was noted, or puts it off: no gradient will tell about another any more."""
        if self._later and not self._puts_off():
            self.flush(wait=False)

    def _puts_off(self) -> bool:
        """Where all are small, a copy is made of them, to be looked at with those of other steps; False where they are not."""
        later = self._later
        if self._bytes > LITTLE or self._held or self.transformed or len(later) < 2 or not _are_small(later):
            return False
        with unseen():
            laid = _laid(later)
        if laid is None:
            return False
        self.put_off.append(laid)
        self._later, self._bytes = [], 0
        if self._last is not None:
            self._let_go(later)
        return True

    def catch_up(self) -> None:
        """Looks at what was put off. To be called where nothing is recorded, as in `unseen`."""
        put_off, self.put_off = self.put_off, []
        for copied in put_off:
            try:
                if isinstance(copied, Laid):
                    self._look_at_laid(copied)
                else:
                    self._look_at_moved(copied)
            except Exception as error:  # nothing that we do may stop the user's loop
                self.left_out.setdefault("a look", f"{type(error).__name__}: {error}")

    def _look_at_laid(self, laid: Laid) -> None:
        for at, responses, step, shape in laid.units:
            self._look_at_units(responses, laid.part(at).view(shape), step)
        self._count_in(laid)
        self._take_laid(laid)

    def _look_at_moved(self, moved: Moved) -> None:
        of, before, after = moved.of, moved.before, moved.after
        self.together += of.moved(before, after, moved.step)
        self._count_elements((*of.weights, *of.updates), (*of.numbers, *of.numbers))
        if self._count_in(of.weights_in(after)) or not math.isfinite(before.sum().item()):
            self._count_in(of.updates_in(after - before))

    def _count_in(self, laid: Laid) -> bool:
        """Counts what is not finite; whether something is not."""
        if math.isfinite(laid.flat.sum().item()):
            return False
        for at, row in enumerate(laid.rows):
            if not math.isfinite((values := laid.part(at)).sum().item()):
                self.count(row, values)
        return True

    def flush(self, *, wait: bool = True) -> None:
        """Looks at all that was noted, but for gradients that another may soon tell about."""
        later = self._later
        self._bytes = sum(values.nbytes for _, values, _, _ in self._held) if self._held else 0
        self._later = _waiting(later) if wait else []
        if self._later:
            waiting = set(map(id, self._later))
            later = [noted for noted in later if id(noted) not in waiting]
        with unseen():
            for noted in later:
                if noted.units is not None and _unwritten(noted):
                    self._look_at_units(noted.units, noted.tensor, noted.units.step)
            apart = self._look_together(later) if len(later) > 1 else list(later)
            for noted in reversed(apart):
                if not noted.earlier:
                    self._scan(noted)
            for noted in apart:
                if noted.earlier:
                    self._scan(noted)
                if noted.values is not None:
                    self._take(noted, noted.values)
        for noted in apart:
            noted.values = noted.total = None
        self._let_go(later)

    def _let_go(self, later: list[Noted]) -> None:
        """Of the user's tensors, but for the one that the next layer may have been given."""
        last = self._last.tensor if self._last is not None else None
        for noted in later:
            noted.by = noted.tensor = None
        if self._last is not None:
            self._last.tensor = last

    def _look_at_units(self, responses: Responses, output: Any, step: int) -> None:
        try:
            responses.look(output, step)
        except Exception as error:  # nothing that we do may stop the user's loop
            self.left_out.setdefault(responses.name, str(error))

    def _look_together(self, later: list[Noted]) -> list[Noted]:
        """Looks at what is small and finite; gives the others."""
        small = later if _are_small(later) else list(filter(_is_small, later))
        if len(small) < 2 or self.transformed:
            return list(later)
        laid = _laid(small)
        if laid is None or not math.isfinite(laid.flat.sum().item()):
            return list(later)
        self._take_laid(laid)
        if len(small) == len(later):
            return []
        for noted in small:
            noted.finite = noted.vouches = True
        done = set(map(id, small))
        return [noted for noted in later if id(noted) not in done]

    def _take_laid(self, laid: Laid) -> None:
        """A sample of each, how many elements each had, and whether a gradient came where that is asked."""
        samples, layout = laid.layout.sampled(laid.flat), laid.layout
        self.together.append(Samples(laid.rows, layout.lengths, samples))
        self._count_elements(laid.rows, layout.numbers)
        for at, responses, step in laid.felt:
            end = layout.stops[at]
            came = samples[end - layout.lengths[at] : end].any()
            responses.felt(laid.part(at), step, 1.0 if came else None)

    def _count_elements(self, rows: Sequence[int], numbers: Sequence[int]) -> None:
        """Those of one row are added up: of the calls of a layer, or a weight that two optimizers hold."""
        elements = self.elements
        if len(set(rows)) == len(rows) and elements.keys().isdisjoint(rows):
            elements.update(zip(rows, numbers, strict=True))
            return
        for row, number in zip(rows, numbers, strict=True):
            elements[row] = elements.get(row, 0) + number

    def _scan(self, noted: Noted) -> None:
        """Whether all elements are finite, by another tensor if that is known to be."""
        try:
            values = noted.values = plain_values(noted.tensor)
            if values is None or not values.numel():
                return
            if noted.by is not None and noted.by.vouches:
                noted.finite = noted.vouches = True
                return
            noted.total = values.sum(dtype=torch.float32) if values.dtype is torch.float16 else values.sum()
            if values.is_cpu:
                noted.finite = math.isfinite(noted.total.item())
                noted.vouches = noted.finite and _unwritten(noted)
        except Exception as error:  # nothing that we do may stop the user's loop
            noted.values = None
            self.left_out.setdefault(noted.site.name, str(error))

    def _take(self, noted: Noted, values: Tensor) -> None:
        if not _unwritten(noted):
            noted.site.at_once, noted.size = True, 0  # NaN and Inf mostly survive what was done to it; the sample does not
        self._sample(noted.row, values, noted.size)
        if noted.finite is False:
            self.count(noted.row, values)
        elif noted.finite is None and noted.total is not None:
            self._hold(noted.row, values, noted.total)
        if noted.responses is not None:
            noted.responses.felt(values, noted.responses.step, noted.total.item() if noted.total is not None and values.is_cpu else None)

    def _sample(self, row: int, values: Tensor, size: int) -> None:
        number = values.numel()
        self.elements[row] = self.elements.get(row, 0) + number
        if size and number:
            self.pieces.append((row, sample(values, size)))

    def size(self) -> int:
        """Samples that were taken."""
        put_off = sum([copied.samples for copied in self.put_off])
        return put_off + sum([piece.numel() for _, piece in self.pieces]) + sum([len(several.values) for several in self.together])

    def look(self, row: int, values: Tensor, total: Tensor) -> bool | None:
        """Looks at a tensor now, whose sum or norm is known. Whether it is finite; None where an accelerator has not said yet."""
        self._sample(row, values, SAMPLE)
        if not values.is_cpu:
            self._hold(row, values, total)
            return None
        finite = math.isfinite(total.item())
        if not finite:
            self.count(row, values)
        return finite

    def _hold(self, row: int, values: Tensor, total: Tensor) -> None:
        self._held.append((row, values, total, values._version))
        self._bytes += values.nbytes
        if self._bytes > HELD:
            self.settle()

    def settle(self) -> None:
        """Reads the sums of what is held, counts where one is not finite, and lets go."""
        self.backward_is_over()
        self._last = None
        held, self._held, self._bytes = self._held, [], 0
        for (row, values, _, version), total in zip(held, to_host([total for _, _, total, _ in held]), strict=True):
            if not math.isfinite(total):
                self.count(row, values, came_as=None if values._version == version else total)

    def count(self, row: int, values: Tensor, came_as: float | None = None) -> None:
        """Exact, because a sum that is not finite may also have overflowed.

        Args:
            came_as: the sum of values that have been written over since: then at least one is counted.
        """
        infinite = values.isinf()
        found = [int(n) for n in (values.isnan().sum(), (infinite & (values > 0)).sum(), (infinite & (values < 0)).sum())]
        if came_as is not None and not any(found):
            found = [int(math.isnan(came_as)), int(came_as == math.inf), int(came_as == -math.inf)]
        if any(found):
            before = self.nonfinite.setdefault(row, [0, 0, 0])
            before[:] = [a + b for a, b in zip(before, found, strict=True)]


def _laid(small: list[Noted]) -> Laid | None:
    """Small tensors end to end, those of one row after each other; None where they are no longer what they were."""
    small = sorted(small, key=_row)
    tensors = list(map(_tensor, small))
    layout = layout_of(tuple(map(Tensor.numel, tensors)))
    if (flat := layout.laid(tensors)) is None:
        return None
    units = [(at, noted.units, noted.units.step, tensors[at].shape) for at, noted in enumerate(small) if noted.units is not None]
    felt = [(at, noted.responses, noted.responses.step) for at, noted in enumerate(small) if noted.responses is not None]
    return Laid(tuple(map(_row, small)), layout, flat, units, felt)


_row, _tensor, _size, _version = attrgetter("row"), attrgetter("tensor"), attrgetter("size"), attrgetter("version")
_version_now, _dtype = attrgetter("_version"), attrgetter("dtype")
_PLAIN, _SINGLE, _WHOLE = {Tensor}, {torch.float32}, {SAMPLE}


def _are_small(later: list[Noted]) -> bool:
    """Whether each is small, as of most models: asked of all together."""
    tensors = list(map(_tensor, later))
    return (
        set(map(type, tensors)) == _PLAIN and set(map(_size, later)) == _WHOLE and set(map(_dtype, tensors)) == _SINGLE
        and list(map(_version_now, tensors)) == list(map(_version, later))
        and min(numbers := list(map(Tensor.numel, tensors))) > 0 and max(numbers) <= SMALL
    )  # fmt: skip


def _is_small(noted: Noted) -> bool:
    """Whether it may be laid beside others, as far as that does not show when it is."""
    tensor = noted.tensor
    return (
        noted.size == SAMPLE and tensor.__class__ is Tensor and tensor._version == noted.version and tensor.dtype is torch.float32
        and 0 < tensor.numel() <= SMALL
    )  # fmt: skip


def _unwritten(noted: Noted) -> bool:
    """Whether nobody has written into it since it was noted."""
    return noted.tensor is not None and noted.tensor._version == noted.version


def _is_unchanged(before: Noted, tensor: Tensor) -> bool:
    """Whether what a layer returned was not written to since, but by the next one itself, which works in place."""
    assert before.tensor is not None
    return before.tensor._version - (1 if tensor is before.tensor else 0) == before.version


def _waiting(later: list[Noted]) -> list[Noted]:
    """Those about which another will tell that has not come, or that waits itself; none when they are too large together."""
    found: list[Noted] = []
    ids: set[int] = set()
    for noted in reversed(later):
        if noted.waits or id(noted.by) in ids:
            found.append(noted)
            ids.add(id(noted))
    return found[::-1] if sum(noted.tensor.nbytes for noted in found if noted.tensor is not None) <= WAITING else []
