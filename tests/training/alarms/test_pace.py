"""A rank that is slow, a loader that is: measured apart from waiting for the others."""

from __future__ import annotations

from types import SimpleNamespace

import nbdebug
from nbdebug.training.rank.sender import Now
from nbdebug.training.rank.snapshot import Live
from nbdebug.training.trainer.alarms import pace
from nbdebug.training.trainer.alarms.pace import IN_A_ROW, Comparing, Waiting
from nbdebug.training.trainer.loading import Delivered, Place
from nbdebug.training.trainer.told import timed
from tests.training.alarms import trainings

QUICK = {"watch": {"every_steps": 10}}


def launched(model, **options):
    return nbdebug.launch(trainings.of(model, **options), num_processes=2, max_steps=50, config=QUICK).wait(240)


def test_the_slow_rank_is_named_once():
    run = launched(trainings.Sleeping(0.015, rank=1))
    [finding] = run.findings
    assert finding.code == "ND809" and finding.location.detail == "rank 1"
    assert finding.evidence["own"] >= 0.015 > finding.evidence["others"]


def test_it_is_named_when_it_is_slow_on_the_way_back():
    [finding] = launched(trainings.SleepingBack(0.015, rank=1)).findings
    assert finding.code == "ND809" and finding.location.detail == "rank 1" and finding.evidence["own"] >= 0.015 > finding.evidence["others"]


def test_ranks_that_are_slow_together_are_not_accused():
    assert launched(trainings.Sleeping(0.015)).findings == []


def test_it_must_be_slow_again_and_again():
    comparing = Comparing(2.0)
    slow, alike = [0.01, 0.03, 0.01], [0.01, 0.011, 0.01]
    said = [comparing.told(own) for own in [slow] * (IN_A_ROW - 1) + [alike] + [slow] * IN_A_ROW + [slow] * 5]
    assert [len(told) for told in said] == [0] * (IN_A_ROW - 1) + [0] + [0] * (IN_A_ROW - 1) + [1] + [0] * 5
    assert [told[0].rank for told in said if told] == [1]


def test_microseconds_do_not_count():
    comparing = Comparing(2.0)
    assert not any(comparing.told([0.0001, 0.0005]) for _ in range(10))


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def waited(load, train, count, limit=0.5):
    clock = Clock()
    waiting, said = Waiting(limit), []

    def batches():
        for _ in range(count):
            clock.now += load
            yield Delivered(0, 1.0, 1, True, True, Place())

    context = SimpleNamespace(now=Now(), live=Live())
    for _ in timed(batches(), context, lambda begin, end, first: waiting.add(begin, end, counts=not first), clock):
        clock.now += train
        said.append(waiting.told())
    return [told for told in said if told is not None]


def test_a_starved_rank_says_so_once():
    [(share, seconds)] = waited(load=0.9, train=0.3, count=200)
    assert abs(share - 0.75) < 0.01 and seconds >= pace.WAITED


def test_a_short_wait_is_not_worth_a_word():
    assert waited(load=0.003, train=0.001, count=1000) == []


def test_a_loader_that_keeps_up_is_none():
    assert waited(load=0.1, train=0.3, count=500) == []


