"""What the proof says, and whether the digest under it would notice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

import nbdebug
from nbdebug import SetupError, TrainingSetup
from nbdebug.untouched import Proof, keepers, untouched
from nbdebug.untouched.digest import SMALL, checksum, digest, values
from nbdebug.untouched.session import Session
from tests.untouched.borrowing import after, train, training

pytestmark = pytest.mark.filterwarnings("ignore")


def test_lazy_layers_are_refused_before_anything_is_touched() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(3), nn.LazyBatchNorm1d())
    with pytest.raises(SetupError, match=r"lazy layers \(1, 2\).*run model\(inputs\) once"):
        after(TrainingSetup(model), lambda s: None)
    model(torch.ones(2, 2))
    assert after(TrainingSetup(model), lambda s: s.model(torch.ones(2, 2))).changes == ()


class Stream(IterableDataset):
    def __iter__(self) -> Iterator[Tensor]:
        yield torch.ones(4)


def test_limits_are_said_aloud() -> None:
    model = torch.compile(nn.Linear(4, 4), backend="eager")
    setup = TrainingSetup(model, train_loader=DataLoader(Stream()))
    heard: list[int] = []

    def listen(setup: TrainingSetup) -> None:
        model._orig_mod.register_forward_hook(lambda *_: heard.append(1))
        model(torch.ones(1, 4))

    model(torch.ones(1, 4))
    proof = after(setup, listen)
    assert (proof.changes, heard) == ((), [1])
    assert proof.limits == (
        "train_loader reads an iterable dataset, which cannot be rewound", "compiled model: examined eagerly",
    )  # fmt: skip
    assert proof.sentences()[1:] == proof.limits


def test_the_sentence_counts_what_was_compared() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert after(TrainingSetup(model), lambda s: None).sentences() == (
        "your session was left as it was (verified by digest: 7 tensors, 3 random states, modes, hooks, settings)",
    )


def test_several_proofs_make_one() -> None:
    proofs = [Proof((), ("a limit",), 3, 2), Proof(("mode fc",), ("a limit",), 5, 2)]
    assert Proof.united(proofs) == Proof(("mode fc",), ("a limit",), 5, 2)


def test_one_within_another_gives_back_at_once_and_leaves_the_proof_to_it() -> None:
    setup = training()
    weight = setup.model.head.weight.detach().clone()
    with (outer := untouched(setup, vouches=True)):
        held, state = setup.model.body[1].running_mean, torch.get_rng_state()
        with (inner := untouched(setup, weights=True)):
            train(setup)
            setup.model.eval()
        assert inner.proof is None and setup.model.training
        assert torch.equal(setup.model.head.weight, weight) and setup.model.body[1].running_mean is held
        assert torch.equal(torch.get_rng_state(), state) and not any(p.grad is not None for p in setup.model.parameters())
        with (other := untouched(TrainingSetup(setup.model))):  # another setup may reach what this one does not
            pass
        assert other.proof == Proof(tensors=other.proof.tensors, random_states=3)
    assert outer.proof.changes == ()
    assert after(setup, lambda s: None).changes == ()  # and the next one proves for itself again


def test_what_one_within_another_could_not_give_back_is_told_by_the_outer(monkeypatch: pytest.MonkeyPatch) -> None:
    def stubborn(session: Session) -> Callable[[], None]:
        def undo() -> None:
            raise RuntimeError("stuck")

        return undo

    setup = training()
    with (outer := untouched(setup, vouches=True)), monkeypatch.context() as patched:
        patched.setattr(keepers, "KEEPERS", (*keepers.KEEPERS, stubborn))
        with untouched(setup):
            pass
    assert outer.proof.changes == ("stubborn could not be given back (stuck)",)


def test_what_one_within_another_left_in_the_users_own_is_seen_by_the_outer(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = training(model=nn.Sequential(nn.Linear(4, 2)))
    with (outer := untouched(setup, vouches=True)), monkeypatch.context() as patched:
        patched.setattr(keepers, "KEEPERS", tuple(k for k in keepers.KEEPERS if k is not keepers.weights))
        with untouched(setup, weights=True):
            train(setup)
    assert "weight 0.bias" in outer.proof.changes


def test_a_checkup_takes_two_digests_and_vouches_for_every_part(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr("nbdebug.untouched.digest", lambda session: taken.append("digest") or digest(session))
    report = nbdebug.checkup(training(), budget="60 s")
    measured = [part for part in report.parts if part.result is not None]
    assert len(taken) == 2 and len(measured) >= 8
    assert {part.proof for part in measured} == {report.proof} and report.proof.changes == ()


def test_a_long_list_of_changes_is_cut() -> None:
    assert Proof(tuple("abcdefghijk")).sentences() == ("your session was CHANGED: a, b, c, d, e, f, g, h and 3 more",)


def test_one_changed_number_changes_the_digest() -> None:
    large = torch.zeros(SMALL // 4 + 5)
    for tensor in (torch.zeros(7), large, torch.zeros(3, 3).t(), torch.zeros(4, dtype=torch.bfloat16), torch.zeros(2, dtype=torch.cfloat)):
        before = values(tensor)
        for place in (0, -1):
            changed = tensor.clone()
            changed[place] += 1
            assert values(changed) != before
        assert values(tensor.clone()) == before


def test_exchanged_numbers_change_the_checksum() -> None:
    numbers = torch.arange(2 * SMALL, dtype=torch.int64)
    whole = checksum(numbers.view(torch.uint8))
    for other in (1, 1024, 1025):  # in the same row, in the same column, in neither
        exchanged = numbers.clone()
        exchanged[[0, other]] = exchanged[[other, 0]]
        assert checksum(exchanged.view(torch.uint8)) != whole
    unaligned = torch.cat([torch.zeros(1, dtype=torch.uint8), numbers.view(torch.uint8)])[1:]
    assert checksum(unaligned) == whole


def test_a_library_that_was_imported_meanwhile_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib

    monkeypatch.delitem(sys.modules, "matplotlib")
    assert after(training(), lambda s: sys.modules.update(matplotlib=matplotlib)).changes == ()


def test_a_nan_equals_itself() -> None:
    setup = training()
    setup.model.last_loss, setup.model.best = float("nan"), torch.tensor(float("nan"))
    assert after(setup, lambda s: None).changes == ()


def test_a_weight_stored_otherwise_is_another_value() -> None:
    square = torch.arange(9.0).view(3, 3)
    assert values(square) == values(square.clone())
    assert values(square) != values(square.T)  # the same bytes, read in another order
    picture = torch.randn(2, 3, 4, 4)
    assert values(picture.to(memory_format=torch.channels_last)) != values(picture.flip(0).to(memory_format=torch.channels_last))
