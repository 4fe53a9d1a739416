"""The same context for a rank of many and for a training that is alone in its process."""

from __future__ import annotations

import json
import threading
import time
import warnings

import pytest
import torch
from torch import nn

from nbdebug.errors import CheckpointError
from nbdebug.training import checkpoint
from nbdebug.training.config import read_config
from nbdebug.training.rank import snapshot
from nbdebug.training.rank.context import Context
from nbdebug.training.rank.inbox import Inbox
from nbdebug.training.rank.result import plain_result


@pytest.fixture
def alone(tmp_path):
    inbox = Inbox()
    context = Context.alone(folder=tmp_path, inbox=inbox)
    context.inbox = inbox
    yield context
    context.sender.close()


def said(context, kind):
    return [event for event in context.folder.said(0) if event["k"] == kind]


def test_alone_it_is_the_main_rank_and_nothing_is_wrapped(alone):
    model = nn.Linear(3, 1)
    assert alone.is_main and (alone.rank, alone.world_size, alone.resume) == (0, 1, None)
    assert alone.wrap(model) is model and alone.live.model is model
    assert not alone.agree(1).stop and not alone.should_stop()
    alone.barrier()


def test_precision_is_that_of_the_configuration_or_of_the_setup(tmp_path):
    half = Context.alone(read_config(precision="16-mixed"), tmp_path)
    assert half.scaler.is_enabled()
    half.sender.close()
    mixed = Context.alone(folder=tmp_path, precision="bf16-mixed")
    with mixed.autocast():
        assert nn.Linear(3, 1)(torch.ones(2, 3)).dtype == torch.bfloat16
    assert not mixed.scaler.is_enabled()
    mixed.sender.close()


def test_numbers_and_notes_are_told(alone):
    alone.now.epoch = 2
    alone.log(5, loss=torch.tensor(0.25), accuracy=1)
    alone.log(loss=0.5)
    alone.note("a word")
    assert [(event["step"], event["epoch"], event["metrics"]) for event in said(alone, "metric")] == [(5, 2, {"loss": 0.25, "accuracy": 1.0}), (5, 2, {"loss": 0.5})]
    assert said(alone, "note")[0]["text"] == "a word"


def test_a_stop_stays_and_is_told_once(alone):
    alone.inbox.take({"k": "stop", "reason": "enough"})
    assert alone.should_stop() and alone.should_stop() and alone.agree(3).stop == "enough"
    assert [event["reason"] for event in said(alone, "stopping")] == ["enough"]


def test_a_pause_ends_with_resume_or_stop(alone):
    for word in ("resume", "stop"):
        alone.inbox.take({"k": "pause"})
        threading.Timer(0.2, lambda word=word: alone.inbox.take({"k": word})).start()
        began = time.monotonic()
        alone.agree(1)
        assert time.monotonic() - began > 0.15 and alone.now.phase == "start"
    assert {event["phase"] for event in said(alone, "beat")} == {"paused", "start"}


def test_a_wish_for_a_checkpoint_is_not_lost_on_a_loop_that_only_asks_whether_to_stop(alone):
    alone.inbox.take({"k": "checkpoint_now"})
    assert not alone.should_stop() and alone.checkpoint_wished
    alone.checkpoint({"model": nn.Linear(2, 1).state_dict(), "step": 4}, 4)
    assert not alone.checkpoint_wished and checkpoint.newest(alone.folder).state["step"] == 4
    assert said(alone, "checkpoint")[0]["step"] == 4


def test_a_snapshot_holds_tensors_and_plain_values_alone(alone):
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    alone.wrap(nn.Sequential(model))
    alone.live.stepped(optimizer)
    alone.live.stepped(optimizer)
    alone.live.batch = (torch.ones(2, requires_grad=True) * 2, {"odd": threading.Lock(), "ids": [1, 2]})
    alone.inbox.take({"k": "snapshot", "rank": 0, "token": "../evil"})
    alone.agree(7)
    (told,) = said(alone, "snapshot")
    taken = snapshot.read(alone.folder.snapshots / "---evil.pt")
    assert told["token"] == "../evil" and taken["step"] == 7 and len(taken["optimizers"]) == 1
    assert torch.equal(taken["model"]["0.weight"], model.weight) and taken["batch"][0].tolist() == [2.0, 2.0]
    assert taken["batch"][1] == {"odd": None, "ids": [1, 2]} and taken["left_out"] == ["batch[1]['odd'] (lock)"]
    optimizer.load_state_dict(taken["optimizers"][0])


def test_a_snapshot_that_cannot_be_taken_is_said_and_the_training_goes_on(alone):
    alone.inbox.take({"k": "snapshot", "rank": 0, "token": "a"})
    alone.agree(1)
    assert said(alone, "note")[0]["text"].startswith("the snapshot of rank 0 was not taken: there is no model yet")


def test_a_damaged_snapshot_is_refused(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="cannot be read"):
        snapshot.read(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("value", "plain", "word"),
    [
        (None, None, ""), ({"a": torch.tensor(2.0), "b": (1, "x")}, {"a": 2.0, "b": [1, "x"]}, ""), (float("nan"), {"float": "nan"}, ""),
        ({"a": 1, "w": torch.ones(3)}, {"a": 1, "w": None}, "the result['w'] (Tensor) cannot be sent"), (object(), None, "(object) cannot be sent"),
        (["x" * 1000] * 2000, None, "too large"),
    ],
)  # fmt: skip
def test_a_result_is_numbers_and_words(value, plain, word):
    sent, note = plain_result(value)
    assert sent == plain and word in note and bool(note) == bool(word)
    json.dumps(sent, allow_nan=False)


def test_a_loss_with_its_graph_can_be_logged(tmp_path):
    context = Context.alone(folder=tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        context.log(step=1, loss=torch.ones(1, requires_grad=True).sum())
    assert [event["metrics"] for event in context.folder.said(0) if event["k"] == "metric"] == [{"loss": 1.0}]
