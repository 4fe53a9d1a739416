"""How far every operator with an edge stays from it: over batches of real data, and over steps that are only rehearsed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nbdebug.findings import Location
from nbdebug.listening import Call, Tape
from nbdebug.nonfinite.headroom.edges import Domain, Meeting, meeting
from nbdebug.nonfinite.headroom.origins import Match
from nbdebug.nonfinite.headroom.ranges import Ranges
from nbdebug.nonfinite.headroom.rules import Range

PASSED = 4  # operators between a formula and the edge that its result meets; our choice
UNEVEN = 1e4  # usual headroom over the least, where a single element may dominate; our choice, chance gives one over the elements
SAMPLED = 4096  # elements of one operand that its typical headroom is taken from
SIGN_KEEPERS = frozenset("where sign sgn copysign masked_fill masked_fill_".split())  # how a denominator is kept off 0 by hand


@dataclass(frozen=True)
class Encounter:
    """What met at one operator in one step."""

    lowest: float
    highest: float
    nearest: float  # the smallest headroom, in the operand's own units; negative beyond the edge; of a division 0 when signs differ
    typical: float  # the median headroom
    spread: float  # standard deviation of the operand
    elements: int
    both_signs: bool


@dataclass(frozen=True)
class Site:
    """One operator with an edge, at one line, over all that was looked at."""

    operator: str  # as one would say it: "log", "/"
    location: Location
    dtype: str
    side: str  # "above", "below", "off" or "within" the edge
    edge: float
    steep: bool  # on the edge the value is finite, and the derivative is not
    low: float  # no smaller value can come, whatever the weights are
    high: float
    positive: bool  # above 0 but for underflow
    learns: bool  # a weight had a part in what meets here
    guessed: bool  # so had an operator of which nothing is known: it may keep the values in bounds of its own
    flows: bool  # a gradient comes back through it
    encounters: tuple[Encounter, ...]  # one a batch
    rehearsed: tuple[Encounter, ...] = ()  # one a step of the rehearsal
    share: float | None = None  # of the whole gradient through it, what the sample nearest to the edge has
    births: int = 0  # elements whose derivative is not finite, in the first batch, though what came back to them was
    reaches_weights: bool = False  # and a weight's gradient is not finite either
    formula: str = ""  # a formula that a stable one exists for, whose result meets the edge

    @property
    def lowest(self) -> float:
        return min(e.lowest for e in self.encounters)

    @property
    def highest(self) -> float:
        return max(e.highest for e in self.encounters)

    @property
    def nearest(self) -> float:
        return min(e.nearest for e in self.encounters)

    @property
    def typical(self) -> float:
        return sorted(e.typical for e in self.encounters)[len(self.encounters) // 2]

    @property
    def elements(self) -> int:
        return max(e.elements for e in self.encounters)

    @property
    def spread(self) -> float:
        return max(e.spread for e in self.encounters)


def guarded(domain: Domain, reach: Range, flows: bool) -> bool:
    """Whether no weights whatever can bring it to the edge."""
    if domain.side == "above":
        return reach.low > domain.edge or (domain.steep and not flows and reach.low >= domain.edge)
    if domain.side == "below":
        return reach.high <= domain.edge
    if domain.side == "within":
        inner = min(domain.edge + reach.low, domain.edge - reach.high)
        return inner > 0 or (domain.steep and not flows and inner >= 0)
    return reach.low > 0 or reach.high < 0


Key = tuple[str, int | None, str, str, str]


@dataclass(frozen=True)
class Found:
    """The unguarded meetings of one step, by their place."""

    by_key: dict[Key, list[tuple[Meeting, Range]]]
    operators: int  # calls with an edge, the guarded ones too


def unguarded(tape: Tape, loss: Tensor, skip: frozenset[int] = frozenset()) -> Found:
    """The operators on the way to the loss whose edge can be reached.

    Args:
        skip: indices of calls that are spoken for already.
    """
    ranges, reached = Ranges(tape), tape.ancestors(loss)
    found: dict[Key, list[tuple[Meeting, Range]]] = {}
    operators = 0
    for call in tape.calls:
        if call.index in skip or (reached and call.index not in reached):
            continue
        met = meeting(call)
        if met is None:
            continue
        operators += 1
        reach = Range(0.0, learns=True) if met.argument is None else ranges.of(call, met.argument)
        flows = any(t.requires_grad for t in call.outputs())
        if not guarded(met.domain, reach, _grows(met) and flows) and not _kept_off(tape, met):
            found.setdefault(_key(call), []).append((met, reach))
    return Found(found, operators)


def fed_by(found: Found, tape: Tape, formulas: Sequence[Match]) -> dict[Key, Site]:
    """The sites, each with the formula that its operand comes from."""
    results = {match.result.index: match.name for match in formulas}
    sites = {}
    for key, met in found.by_key.items():
        names = (name for m, _ in met if (name := _source(tape, m, results)))
        sites[key] = replace(_site(met), formula=next(names, ""))
    return sites


def _source(tape: Tape, met: Meeting, results: dict[int, str]) -> str:
    """The formula whose result meets the edge, perhaps with something added."""
    call = tape.maker(met.argument) if isinstance(met.argument, Tensor) else None
    for _ in range(PASSED):
        if call is None or call.index in results:
            return results.get(call.index, "") if call is not None else ""
        call = tape.before(call)
    return ""


def _grows(met: Meeting) -> bool:
    """Whether the operand itself takes a gradient."""
    return met.argument is None or (isinstance(met.argument, Tensor) and met.argument.requires_grad)


def _kept_off(tape: Tape, met: Meeting) -> bool:
    """A denominator of both signs that a condition keeps off 0: torch.where(x.abs() < eps, eps, x)."""
    if met.domain.side != "off" or not isinstance(met.argument, Tensor):
        return False
    call = tape.origin(met.argument)
    if call is None:
        return False
    near = [call] + [tape.calls[i] for i in call.parents if 0 <= i < call.index]
    return any(c.name in SIGN_KEEPERS for c in near)


def _key(call: Call) -> Key:
    line = call.line
    return (line.file if line else "", line.line if line else None, call.name, call.module if line is None else "", call.kind)


def _site(met: list[tuple[Meeting, Range]]) -> Site:
    first, reach = met[0]
    for _, other in met[1:]:
        reach = reach.joined(other)
    call, domain = first.call, first.domain
    return Site(
        domain.word, call.location, str(first.operand.dtype).removeprefix("torch."), domain.side, domain.edge, domain.steep, reach.low,
        reach.high, reach.positive, reach.learns, reach.guessed, any(_grows(m) for m, _ in met) or _passes(call), (_together([encounter(m) for m, _ in met]),),
    )  # fmt: skip


def _passes(call: Call) -> bool:
    return any(t.requires_grad for t in call.outputs())


def encounter(met: Meeting) -> Encounter:
    """The numbers of one meeting, over its finite elements."""
    operand = met.operand.reshape(-1)
    values = operand.to(torch.float64 if operand.dtype == torch.float64 else torch.float32)
    headroom = met.domain.headroom(values)
    headroom = headroom[~headroom.isnan()]
    if headroom.numel() == 0:
        return Encounter(math.nan, math.nan, -math.inf, math.nan, math.nan, values.numel(), False)
    low, high = (float(v) for v in torch.aminmax(values))
    sampled = headroom[:: max(1, headroom.numel() // SAMPLED)]
    spread = float(values.std()) if values.numel() > 1 else 0.0
    return Encounter(low, high, float(headroom.min()), float(sampled.median()), spread, values.numel(), low < 0 < high)


def _together(several: Sequence[Encounter]) -> Encounter:
    if len(several) == 1:
        return several[0]
    typical = sorted(e.typical for e in several)[len(several) // 2]
    low, high = min(e.lowest for e in several), max(e.highest for e in several)
    return Encounter(
        low, high, min(e.nearest for e in several), typical, max(e.spread for e in several), sum(e.elements for e in several), low < 0 < high
    )


def followed(sites: dict[Key, Site], tape: Tape, *, rehearsal: bool) -> dict[Key, Site]:
    """The sites with what met there in another step."""
    met: dict[Key, list[Encounter]] = {}
    for call in tape.calls:
        key = _key(call)
        if key in sites and (found := meeting(call)) is not None:
            met.setdefault(key, []).append(encounter(found))
    field = "rehearsed" if rehearsal else "encounters"
    return {
        key: replace(site, **{field: (*getattr(site, field), _together(met[key]))}) if key in met else site for key, site in sites.items()
    }


def with_derivatives(sites: dict[Key, Site], found: Found, loss: Tensor, bad_weights: bool) -> dict[Key, Site]:
    """The sites with what the loss's derivative does there, from the graph of the first batch."""
    outputs = {key: [m for m, _ in met if _passes(m.call)] for key, met in found.by_key.items()}
    wanted = [(key, m, m.call.outputs()[0]) for key, met in outputs.items() for m in met]
    if not wanted:
        return sites
    given = torch.autograd.grad(loss, [output for *_, output in wanted], retain_graph=True, allow_unused=True)
    rated = dict(sites)
    for (key, m, output), upstream in zip(wanted, given, strict=True):
        if upstream is not None and upstream.layout == torch.strided:
            rated[key] = _rated(rated[key], m, output, upstream, bad_weights)
    return rated


def _rated(site: Site, met: Meeting, output: Tensor, upstream: Tensor, bad_weights: bool) -> Site:
    if met.domain.slope is None or met.argument is None or upstream.is_complex():
        return site
    headroom = met.domain.headroom(met.operand.double())
    headroom = headroom.clamp_min(0) if met.domain.steep else headroom.abs()  # beyond its pole 1/x is finite again
    with torch.no_grad():
        try:
            slope = met.domain.slope(headroom).abs().broadcast_to(output.shape)
        except RuntimeError:  # the operator reduces
            return site
        through = upstream.double().abs() * slope
        born = int((~through.isfinite() & upstream.isfinite()).sum()) if _grows(met) or met.domain.side == "off" else 0
        through = through.nan_to_num(0.0, 0.0, 0.0)
        total, most = float(through.sum()), float(through.max()) if through.numel() else 0.0
    share = most / total if total > 0 and through.numel() > 1 else None
    return replace(
        site, births=site.births + born, reaches_weights=site.reaches_weights or (born > 0 and bad_weights),
        share=share if site.share is None else max(site.share, share or 0.0),
    )  # fmt: skip
