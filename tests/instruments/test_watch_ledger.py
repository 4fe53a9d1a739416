"""What is in the gradients, and how events become cycles: told by hand, without a loop."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nbdebug
from nbdebug.findings import Location
from nbdebug.instruments.watch.cycles import LONGEST, MOST, Cycles
from nbdebug.instruments.watch.ledger import LOOKS, PHASE, SURE, Ledger, Pass

FACTS = {
    "batch": (), "forward": (True, True, "", "loader", False, "none"), "loss": (True, True, "loader", "mean"),
    "backward": ("optimizer", "", False, False, False, "", False), "zero": ("", "optimizer", ""),
    "step": ("some", False, False, False, False, "", False, False),
}  # fmt: skip
PLACES = [Location(line=n) for n in range(50)]


# -- cycles -------------------------------------------------------------------------------------------------------


def tell(cycles: Cycles, *kinds: str, who: str = "optimizer") -> None:
    for kind in kinds:
        if kind == "step":
            cycles.will_step(who)
        cycles.add(kind, who, 1, *FACTS[kind])
        if kind == "step":
            cycles.stepped(who)


def shape(cycles: Cycles) -> list[tuple[list[tuple[str, int]], int]]:
    return [([(e.kind, e.times) for e in cycle.events], cycle.times) for cycle in cycles.plain(PLACES)]


def test_updates_that_go_alike_are_one_cycle():
    cycles = Cycles()
    for _ in range(5):
        tell(cycles, "batch", "zero", "forward", "backward", "step")
    assert shape(cycles) == [([("batch", 1), ("zero", 1), ("forward", 1), ("backward", 1), ("step", 1)], 5)]
    assert cycles.steps == 5
    (cycle,) = cycles.plain(PLACES)
    assert (cycle.first, cycle.last) == (0, 4)


def test_clearing_after_the_step_belongs_to_the_step_before():
    cycles = Cycles()
    for _ in range(3):
        tell(cycles, "batch", "forward", "backward", "step", "zero")
    assert shape(cycles) == [([("batch", 1), ("forward", 1), ("backward", 1), ("step", 1), ("zero", 1)], 3)]


def test_accumulated_passes_are_counted_and_keep_their_place_in_the_order():
    cycles = Cycles()
    tell(cycles, "zero")
    for _ in range(100):
        tell(cycles, "batch", "forward", "loss", "backward")
    tell(cycles, "step")
    assert shape(cycles) == [([("zero", 1), ("batch", 100), ("forward", 100), ("loss", 100), ("backward", 100), ("step", 1)], 1)]


def test_stretches_that_differ_are_not_counted_together():
    cycles = Cycles()
    tell(cycles, "batch", "forward", "backward", "zero", "forward", "backward", "forward", "backward", "step")
    kinds = [kind for kind, _ in shape(cycles)[0][0]]
    assert kinds == ["batch", "forward", "backward", "zero", "forward", "backward", "step"]
    assert dict(shape(cycles)[0][0])["backward"] == 2


def test_two_optimizers_in_one_update_are_one_cycle():
    cycles = Cycles()
    for _ in range(4):
        tell(cycles, "batch", "forward", "backward", "step", who="first")
        tell(cycles, "forward", "backward", "step", who="second")
    assert [times for _, times in shape(cycles)] == [4]
    assert cycles.steps == 4


def test_the_step_is_noted_however_long_its_cycle_is():
    cycles = Cycles()
    for line in range(LONGEST + 10):
        cycles.add("zero", "optimizer", line, *FACTS["zero"])
    tell(cycles, "step")
    (cycle,) = cycles.plain([Location(line=n) for n in range(LONGEST + 10)])
    assert cycle.events[-1].kind == "step"
    assert len(cycle.events) == LONGEST + 1


def test_cycles_that_find_no_room_are_counted():
    cycles = Cycles()
    for line in range(MOST + 5):
        cycles.add("zero", "optimizer", line, *FACTS["zero"])
        tell(cycles, "step")
        cycles.cut()
    assert cycles.lost == 5
    assert cycles.steps == MOST + 5


# -- ledger -------------------------------------------------------------------------------------------------------


class Loop:
    """A model, its optimizer, and what the taps would tell the ledger."""

    def __init__(self, *optimizers: torch.optim.Optimizer, model: nn.Module | None = None):
        torch.manual_seed(0)
        self.model = model or nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
        self.optimizers = optimizers or (torch.optim.SGD(self.model.parameters(), lr=0.1),)
        self.ledger = Ledger()
        self.accounts = [self.ledger.account(o, f"optimizer {i}") for i, o in enumerate(self.optimizers)]
        self.account = self.accounts[0]

    def backward(self, place: int = 1) -> tuple[list[bool], list[bool]]:
        onto = [a.before_backward() for a in self.ledger]
        F.mse_loss(self.model(torch.ones(5, 4)), torch.zeros(5, 2)).backward()
        made = Pass(place)
        return onto, [a.after_backward(made, False) for a in self.ledger]

    def step(self, which: int = 0) -> tuple[str, bool]:
        found = self.accounts[which].before_step()
        self.optimizers[which].step()
        self.accounts[which].after_step()
        return found

    def zero(self, owner: object = None) -> tuple[str, str, list[int]]:
        owner = owner or self.optimizers[0]
        whose, cleared, lost = self.ledger.zero(owner)
        owner.zero_grad()
        return whose, cleared, [made.place for made in lost if not made.used]


def test_a_cleared_loop_is_never_stale():
    loop = Loop()
    for _ in range(SURE + 5):
        assert loop.zero()[0] == ""
        assert loop.backward() == ([False], [True])
        assert loop.step() == ("some", False)


def test_gradients_that_a_step_used_are_stale_when_another_pass_adds_to_them():
    loop = Loop()
    found = []
    for _ in range(SURE + 5):
        loop.backward()
        found.append(loop.step())
    assert found[0] == ("some", False)
    assert set(found[1:]) == {("some", True)}


def test_accumulating_is_not_stale():
    loop = Loop()
    for _ in range(4):
        for micro in range(3):
            onto, _ = loop.backward()
            assert onto == [micro > 0]
        assert loop.account.places == [1, 1, 1]
        assert loop.step() == ("some", False)
        loop.zero()


@pytest.mark.parametrize("how", ["none", "zero_", "data"])
def test_gradients_that_are_cleared_by_hand_are_clear(how):
    loop = Loop()
    for _ in range(SURE + LOOKS + 5):
        loop.backward()
        assert loop.step() == ("some", False)
        for p in loop.model.parameters():
            if how == "none":
                p.grad = None
            elif how == "zero_":
                p.grad.zero_()
            else:
                p.grad.data.zero_()


@pytest.mark.parametrize("how", ["new", "copied"])
def test_gradients_that_are_put_in_by_hand_are_not_stale(how):
    loop = Loop()
    for p in loop.model.parameters():
        p.grad = torch.ones_like(p)
    for _ in range(SURE + 5):
        for p in loop.model.parameters():
            if how == "new":
                p.grad = torch.ones_like(p)
            else:
                p.grad.copy_(torch.ones_like(p))
        assert loop.step() == ("some", False)


def test_gradients_that_a_step_leaves_smaller_on_purpose_are_not_stale():
    loop = Loop()
    for _ in range(5):
        loop.backward()
        assert loop.step() == ("some", False)
        for p in loop.model.parameters():
            p.grad.mul_(0.9)


def test_a_step_without_gradients_says_which_kind():
    loop = Loop()
    assert loop.step() == ("none", False)
    loop.backward()
    loop.ledger.zero(loop.optimizers[0])
    loop.optimizers[0].zero_grad(set_to_none=False)
    assert loop.step() == ("zero", False)


def test_a_second_step_finds_what_the_first_one_used():
    loop = Loop()
    loop.backward()
    assert loop.step() == ("some", False)
    assert loop.account.places == []
    assert loop.step() == ("some", True)


def test_clearing_throws_away_what_no_step_used():
    loop = Loop()
    loop.backward(place=7)
    assert loop.zero() == ("optimizer 0", "optimizer 0", [7])
    loop.backward(place=7)
    loop.step()
    assert loop.zero() == ("", "optimizer 0", [])


@pytest.mark.parametrize("how", ["in place", "data"])
def test_what_the_loop_used_itself_is_not_thrown_away(how):
    loop = Loop()
    for _ in range(LOOKS + 5):
        loop.backward()
        with torch.no_grad():
            for p in loop.model.parameters():
                (p.data if how == "data" else p).sub_(0.1 * p.grad)
        assert loop.zero()[0] == ""
    assert loop.account.by_hand


def test_what_another_optimizer_used_is_not_thrown_away():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    loop = Loop(torch.optim.SGD(model[0].parameters(), lr=0.1), torch.optim.SGD(model[1].parameters(), lr=0.1), model=model)
    assert loop.backward() == ([False, False], [True, True])
    loop.step(0)
    assert loop.zero(loop.optimizers[1]) == ("", "optimizer 1", [])


def test_a_pass_is_thrown_away_when_the_last_optimizer_drops_it():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    loop = Loop(torch.optim.SGD(model[0].parameters(), lr=0.1), torch.optim.SGD(model[1].parameters(), lr=0.1), model=model)
    loop.backward(place=3)
    assert loop.zero(loop.optimizers[0])[0] == ""
    assert loop.zero(loop.optimizers[1]) == ("optimizer 1", "optimizer 1", [3])


def test_clearing_a_part_leaves_the_rest():
    loop = Loop(model=nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 2)))
    for step in range(SURE + 5):
        loop.zero(loop.model[:3])
        loop.backward()
        assert loop.step() == ("some", step > 0)


def test_clearing_the_model_clears_its_optimizers_and_another_model_clears_none():
    loop = Loop()
    loop.backward()
    assert loop.zero(nn.Linear(2, 2)) == ("", "", [])
    assert loop.zero(loop.model) == ("optimizer 0", "optimizer 0", [1])


def test_writing_to_the_gradients_is_seen_unless_it_was_clipping():
    loop = Loop()
    loop.backward()
    assert not loop.account.touched
    loop.model[0].weight.grad /= 2
    assert loop.account.touched
    loop.account.written_to()
    assert not loop.account.touched


def test_parameters_that_are_added_later_are_seen():
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    loop = Loop(torch.optim.SGD(model[1].parameters(), lr=0.1), model=model)
    loop.backward()
    loop.step()
    loop.optimizers[0].add_param_group({"params": model[0].parameters()})
    loop.zero(loop.model)
    loop.backward()
    assert len(loop.account.parameters) == 4


# -- what the recorder makes of it --------------------------------------------------------------------------------


def facts(watch: nbdebug.instruments.watch.Watch, kind: str) -> list[dict]:
    return [event.facts for _, event in watch.result().events(kind)]


def watched_step(model: nn.Module, **autocast: object) -> nbdebug.instruments.watch.Watch:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        with torch.autocast("cpu", **autocast):
            loss = model(torch.ones(4, 4)).float().square().mean()
        loss.backward()
        optimizer.step()
    return watch


def test_half_precision_is_noted_at_the_backward_pass():
    assert facts(watched_step(nn.Linear(4, 2), dtype=torch.float16), "backward")[0]["half"]
    assert not facts(watched_step(nn.Linear(4, 2), dtype=torch.bfloat16), "backward")[0]["half"]
    assert not facts(watched_step(nn.Linear(4, 2), enabled=False), "backward")[0]["half"]


def test_modules_that_are_asleep_are_noted_at_the_forward_pass():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    assert facts(watched_step(model, enabled=False), "forward")[0]["awake"] == "all"
    model[1].eval()
    assert facts(watched_step(model, enabled=False), "forward")[0]["awake"] == "some"
    model.eval()
    assert facts(watched_step(model, enabled=False), "forward")[0]["awake"] == "none"


def test_a_step_of_the_scaler_is_told_from_one_beside_it():
    model, scaler = nn.Linear(4, 2), torch.amp.GradScaler("cpu", init_scale=8.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        for through in (True, False):
            scaler.scale(model(torch.ones(4, 4)).mean()).backward()
            (lambda: scaler.step(optimizer) if through else optimizer.step())()  # noqa: B023
            optimizer.zero_grad()
    assert [(f["by_scaler"], f["scaled"]) for f in facts(watch, "step")] == [(True, False), (False, True)]


def test_two_losses_that_were_scaled_before_either_descends_are_both_scaled():
    model, scaler = nn.Linear(4, 2), torch.amp.GradScaler("cpu", init_scale=8.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with nbdebug.watch(live=False) as watch:
        one, other = scaler.scale([model(torch.ones(4, 4)).mean(), model(torch.ones(4, 4)).square().mean()])
        one.backward()
        other.backward()
        scaler.step(optimizer)
    assert [f["scaled"] for f in facts(watch, "backward")] == [True, True]


def test_an_optimizer_in_a_list_of_self_is_found_before_it_steps():
    class Trainer:
        def __init__(self):
            self.model = nn.Linear(4, 2)
            self.optimizers = [torch.optim.SGD(self.model.parameters(), lr=0.1)]

        def descend(self):
            self.model(torch.ones(4, 4)).mean().backward()

    trainer = Trainer()
    with nbdebug.watch(live=False) as watch:
        trainer.descend()
    assert facts(watch, "backward")[0]["reached"] == watch.result().optimizers[0].name


@pytest.mark.filterwarnings("ignore")
def test_an_optimizer_of_an_earlier_phase_is_no_rival_of_the_one_that_took_over():
    """Each phase of the training makes an optimizer of its own over the same model."""
    torch.manual_seed(0)
    model, x, y = nn.Linear(4, 2), torch.randn(16, 4), torch.randn(16, 2)
    with nbdebug.watch(live=False) as watch:
        for rate in (0.1, 0.01):
            optimizer = torch.optim.SGD(model.parameters(), lr=rate)
            for _ in range(30):
                optimizer.zero_grad()
                F.mse_loss(model(x), y).backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
    result = watch.result()
    assert [(name, len(track)) for name, track in result.tracks.items() if name.startswith("loss")] == [("loss of optimizer", 30), ("loss of optimizer 2", 30)]
    clips = [event for _, event in result.events("clip")]
    assert {event.who for event in clips} == {"optimizer", "optimizer 2"}


@pytest.mark.filterwarnings("ignore")
def test_an_optimizer_that_nobody_holds_any_more_is_over_after_a_few_steps():
    """As the one that each task of a meta-learner gets."""
    torch.manual_seed(0)
    model, x, y = nn.Linear(4, 2), torch.randn(16, 4), torch.randn(16, 2)
    with nbdebug.watch(live=False) as watch:
        for _ in range(3):
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for _ in range(3):
                optimizer.zero_grad()
                F.mse_loss(model(x), y).backward()
                optimizer.step()
    tracks = watch.result().tracks
    assert [name for name in tracks if name.startswith("loss")] == ["loss of optimizer", "loss of optimizer 2", "loss of optimizer 3"]


def test_optimizers_that_take_turns_on_the_same_weights_are_both_there():
    loop = Loop()
    loop.optimizers = (*loop.optimizers, torch.optim.Adam(loop.model.parameters()))
    loop.accounts.append(loop.ledger.account(loop.optimizers[1], "optimizer 1"))
    named = {id(optimizer): optimizer for optimizer in loop.optimizers}  # as the recorder holds them beside the user
    loop.backward()
    loop.step(0)
    loop.zero()
    assert loop.ledger.begins(loop.accounts[1], set()) == []
    for _ in range(PHASE):
        loop.backward()
        loop.step(0)
        loop.zero()
    loop.backward()
    assert loop.ledger.begins(loop.accounts[1], {"optimizer 0"}) == []
    assert loop.ledger.begins(loop.accounts[1], set()) == ["optimizer 0"]
    loop.step(1)
    assert loop.ledger.live() == loop.accounts[1:]
    loop.step(0)
    assert loop.ledger.live() == loop.accounts and not loop.accounts[0].may_be_over() and len(named) == 2
