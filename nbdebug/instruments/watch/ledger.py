"""What is in the gradients: which backward passes filled them, whether a step used them, whether they were cleared."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

SURE = 20  # backward passes after which a few parameters stand for all when one asks whether gradients came
PROBES = 3  # of them: the first, one in the middle, the last
LOOKS = 12  # times that numbers are looked at, of gradients that nobody was seen to clear; afterwards they stay as they were
PHASE = 8  # steps of an optimizer, after which one that steps for the first time takes over from it; our choice: a critic takes fewer before its generator does
OURS = 3  # references to an optimizer that nobody else holds: the account's, that of its name, and that which asks for their number
VALUES = 8  # of a weight, that tell whether it was moved behind its version counter


@dataclass(slots=True)
class Pass:
    """A backward pass, shared by all accounts that it reached."""

    place: int
    holders: int = 0  # accounts that did not throw its gradients away
    used: bool = False  # by hand: the loop moved the weights itself
    loss: Hashable = None  # which loss of its update that was, as `Curves` knows it


class Account:
    """The gradients of one optimizer's parameters."""

    def __init__(self, name: str, optimizer: Any) -> None:
        self.name, self.optimizer = name, optimizer
        self.parameters: list[Tensor] = []
        self.pending: list[Pass] = []  # whose gradients no step of this optimizer has used yet
        self.spent = False  # a step has used what is in the gradients
        self.scaled = False  # what is in the gradients is multiplied by the scaler's factor
        self.by_scaler = False  # the step that comes is the scaler's, which divides by its factor
        self.wrote = False  # the loop had written to the gradients when the scaler's step divided them
        self.by_hand = False  # its weights were moved, and not by its steps
        self.steps = self.skipped = 0
        self.over = False  # another optimizer took its parameters over, and it has not stepped since
        self._came_back = False
        self._passes = self._looks = 0
        self._probes: list[Tensor] = []
        self._before: list[int] = []
        self._after: list[int] | None = None  # marks when the last pass was over; None once a clip or the scaler wrote to them
        self._used: list[tuple[Any, int]] = []  # what the last step found: gradient, its version
        self._weights: list[tuple[Tensor, int, float | None]] = []  # with mark and value when the last pass was over
        self._hidden = False  # the loop moves the weights behind their version counters
        self._nonzero = False
        self._size = -1

    def refresh(self) -> None:
        """Reads the groups again when they have grown."""
        groups = self.optimizer.param_groups
        size = len(groups[0]["params"]) if len(groups) == 1 else sum(len(group["params"]) for group in groups)
        if size != self._size:
            self._size = size
            self.parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
            self._passes, self._probes = 0, []

    def before_backward(self) -> bool:
        """Whether gradients are there that the coming pass is added to."""
        self.refresh()
        self._look_for_moves()
        self._before = _marks(self._probes or self.parameters)
        there = any(self._before)
        if there and self.spent and not self.pending and not self._are_as_used():
            self.spent = False
        if there and (self.spent or not self.pending):  # nobody was seen to clear them: perhaps by hand
            there = self._holds_something()
        if not there:
            self._cleared()
        return there

    def after_backward(self, made: Pass, scaled: bool) -> bool:
        """Whether the pass that just ended reached any of these parameters."""
        watched = self._probes or self.parameters
        after = _marks(watched)
        changed = [] if after == self._before else [p for p, a, b in zip(watched, after, self._before, strict=False) if a != b]
        self._passes += 1
        if self._passes == SURE and changed:
            self._probes = _spread(changed)
            after = _marks(self._probes)
        if changed:
            made.holders += 1
            self.pending.append(made)
            self.scaled, self._after = scaled, after
            self._weights = [(p, mark_of(p), self._value_of(p)) for p in self._few()]
        return bool(changed)

    def written_to(self) -> None:
        """Clipping, or the scaler, multiplies them."""
        self._after = None

    @property
    def touched(self) -> bool:
        """Whether the loop itself wrote to the gradients after the last pass."""
        return bool(self.pending) and self._after is not None and self._after != _marks(self._probes or self.parameters)

    @property
    def places(self) -> list[int]:
        """Of the backward passes whose gradients the coming step uses."""
        return [made.place for made in self.pending]

    def before_step(self) -> tuple[str, bool]:
        """What the optimizer finds ("some", "zero" or "none"), and whether the step before used some of it already."""
        self.refresh()
        if self.pending:
            return "some", self.spent
        if all(p.grad is None for p in self.parameters):
            self._cleared()
            return "none", False
        if self.spent and self._are_as_used():
            return "some", True
        self.spent = False  # put there by hand, or by a pass that could not be seen
        return ("some", False) if self._holds_something() else ("zero", False)

    def after_step(self, *, skipped: bool = False) -> None:
        self.pending, self.spent = [], True
        self.scaled = self.by_scaler = self.wrote = False
        self._used = self._in_use()
        self.steps += not skipped
        self.skipped += skipped
        self._came_back, self.over = self._came_back or self.over, False

    def may_be_over(self) -> bool:
        """Whether it stepped for a while, or nobody holds it any more, and it never took turns with another that holds the same parameters."""
        steps = self.steps + self.skipped
        return not self._came_back and (steps >= PHASE or (steps > 0 and sys.getrefcount(self.optimizer) <= OURS))

    def zero(self, cleared: set[int] | None) -> list[Pass]:
        """These parameters are cleared, or all of them; gives the passes that no step gets to use."""
        if cleared is not None and any(p.grad is not None and id(p) not in cleared for p in self.parameters):
            return []  # the rest of them still holds what was there
        self._look_for_moves()
        lost = []
        for made in self.pending:
            made.holders -= 1
            if not made.holders:
                lost.append(made)
        self._cleared()
        return lost

    def standing(self) -> tuple[Any, ...]:
        """What it remembers of the update under way, for `stand`."""
        passes = [(made, made.holders, made.used) for made in self.pending]
        return passes, self.spent, self.scaled, self.by_scaler, self.wrote, self._after is not None

    def stand(self, standing: tuple[Any, ...]) -> None:
        """As at the same place of an update that went alike; gradients and weights are taken as they are now."""
        passes, self.spent, self.scaled, self.by_scaler, self.wrote, known = standing
        self.refresh()
        self.pending = [made for made, _, _ in passes]
        for made, holders, used in passes:
            made.holders, made.used = holders, used
        self._before = _marks(self._probes or self.parameters)
        self._after = self._before if known else None
        self._weights = [(p, mark_of(p), self._value_of(p)) for p in self._few()] if passes else []
        self._used = self._in_use() if self.spent else []

    def stands(self, there: tuple[Any, ...]) -> bool:
        """Whether it remembers as much of the update under way as it did there, in another update."""
        passes, *rest = self.standing()
        before, *others = there
        return rest == others and [(made.place, *told) for made, *told in passes] == [(made.place, *told) for made, *told in before]

    def release(self) -> None:
        """Lets go of the parameters; they are read again from the optimizer."""
        self.parameters, self._probes, self._before, self._after = [], [], [], None
        self._used, self._weights, self._size = [], [], -1

    def owns(self, parameters: set[int]) -> bool:
        return any(id(p) in parameters for p in self.parameters)

    def _cleared(self) -> None:
        self.pending, self.spent, self.scaled = [], False, False

    def _few(self) -> list[Tensor]:
        return self._probes or _spread([p for p in self.parameters if p.grad is not None])

    def _in_use(self) -> list[tuple[Any, int]]:
        return [(weakref.ref(g), g._version) for p in self._few() if (g := p.grad) is not None]

    def _are_as_used(self) -> bool:
        """Whether some gradients are still the ones that the last step found, and not others put there by hand."""
        own = {id(p.grad) for p in self._probes or self.parameters}
        return any((g := held()) is not None and id(g) in own and g._version == version for held, version in self._used)

    def _look_for_moves(self) -> None:
        """Weights that moved while no step had used their gradients: the loop used them itself."""
        if not self.pending:
            return
        moved = self._hidden or any(mark_of(p) != mark for p, mark, _ in self._weights)
        if not moved:
            moved = self._hidden = any(value not in (None, self._value_of(p)) for p, _, value in self._weights)
        if moved:
            self.by_hand = True
            for made in self.pending:
                made.used = True

    def _value_of(self, weight: Tensor) -> float | None:
        """At the first passes some numbers of it: a write to `p.data` moves no version counter."""
        return value_of(weight) if self._passes <= LOOKS else None

    def _holds_something(self) -> bool:
        """Looks at the numbers themselves, which costs time: only now and then."""
        if self._looks < LOOKS:
            self._looks += 1
            self._nonzero = any(bool(_values(p.grad).any()) for p in self.parameters if p.grad is not None)
        return self._nonzero


class Ledger:
    """The accounts of all optimizers."""

    def __init__(self) -> None:
        self.accounts: dict[int, Account] = {}  # id of the optimizer

    def account(self, optimizer: Any, name: str) -> Account:
        known = self.accounts.get(id(optimizer))
        if known is None or known.optimizer is not optimizer:
            known = self.accounts[id(optimizer)] = Account(name, optimizer)
            known.refresh()
        return known

    def zero(self, owner: Any) -> tuple[str, str, list[Pass]]:
        """`owner.zero_grad()` was called: whose gradients nobody had used, whose were cleared, and the passes that no step gets to use."""
        if len(self.accounts) == 1 and id(owner) in self.accounts:  # the most frequent case
            (only,) = self.accounts.values()
            lost = only.zero(None)
            return only.name if any([not made.used for made in lost]) else "", only.name, lost
        own = _parameters(owner)
        of = [a for a in self.accounts.values() if a.owns(own)]
        several = [(a.name, a.zero(None if a.optimizer is owner else own)) for a in of]
        threw = [name for name, lost in several if any(not made.used for made in lost)]
        return ", ".join(threw), ", ".join([a.name for a in of]), [made for _, lost in several for made in lost]

    def of_gradients(self, gradients: Iterable[Any]) -> Account | None:
        """The account that the first of these gradients belongs to."""
        first = next(iter(gradients), None)
        if first is None:
            return None
        return next((a for a in self.live() if any(p.grad is first for p in a.parameters)), None)

    def live(self) -> list[Account]:
        """Those that may step yet: of several phases of a training, each with an optimizer of its own, only the last."""
        return [account for account in self.accounts.values() if not account.over]

    def begins(self, account: Account, beside: set[str]) -> list[str]:
        """An optimizer steps for the first time: what held the same parameters and stepped in updates before is over, unless it comes back.

        Args:
            beside: names of those that step in the same update.
        """
        own = {id(p) for p in account.parameters}
        over = [other for other in self.accounts.values() if other.name not in {account.name, *beside} and other.may_be_over() and other.owns(own)]
        for other in over:
            other.over, other.pending = True, []
        return [other.name for other in over]

    def __iter__(self):
        return iter(self.accounts.values())


def _marks(parameters: list[Tensor]) -> list[int]:
    """Numbers that change whenever a gradient is replaced or written to; 0 for none."""
    return [0 if (g := p.grad) is None else id(g) + g._version for p in parameters]


def _spread(parameters: list[Tensor]) -> list[Tensor]:
    """A few of them, from one end to the other: what clears only a part of the model leaves the rest."""
    if len(parameters) <= PROBES:
        return parameters
    return [parameters[round(i * (len(parameters) - 1) / (PROBES - 1))] for i in range(PROBES)]


def _values(gradient: Tensor) -> Tensor:
    with torch.no_grad():
        return gradient.coalesce().values() if gradient.layout == torch.sparse_coo else gradient


def _parameters(owner: Any) -> set[int]:
    if isinstance(owner, nn.Module):
        return {id(p) for p in owner.parameters()}
    return {id(p) for group in getattr(owner, "param_groups", ()) for p in group["params"]}


def mark_of(weight: Tensor) -> int:
    """A number that changes when the weight is written to or exchanged; not when `.data` of it is written to."""
    return (0 if weight.is_inference() else weight._version) + weight.data_ptr()


def value_of(weight: Tensor) -> float:
    """Some numbers of the weight, as one."""
    value = float(sum(map(abs, weight.detach().reshape(-1)[:VALUES].tolist())))
    return value if value == value else -1.0  # NaN would differ from itself
