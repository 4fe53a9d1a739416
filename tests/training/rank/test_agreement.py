"""Ranks that have heard different things do the same at the same call."""

from __future__ import annotations

import threading

from nbdebug.training.rank.agreement import EVERY, MOST_CALLS, NONE, Agreement
from nbdebug.training.rank.inbox import Heard, Inbox


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def heard(*messages):
    inbox = Inbox()
    for message in messages:
        inbox.take(message)
    return inbox


def test_one_rank_hears_at_once():
    inbox = Inbox()
    agree = Agreement(inbox)
    assert agree() == NONE
    inbox.take({"k": "checkpoint_now"})
    inbox.take({"k": "pause"})
    inbox.take({"k": "snapshot", "rank": 0, "token": "a"})
    first, second = agree(), agree()
    assert first.checkpoint and first.pause and first.snapshot == (0, "a")
    assert not second.checkpoint and second.pause and second.snapshot is None
    inbox.take({"k": "resume"})
    inbox.take({"k": "stop", "reason": "enough"})
    assert agree().stop == "enough" and not agree().pause


def test_what_is_unknown_or_repeated_is_left_alone():
    inbox = heard({"k": "dance"}, {}, {"k": "pause"}, {"k": "pause"}, {"k": "stop"}, {"k": "stop", "reason": "again"})
    assert (inbox.heard.pauses, inbox.heard.paused, inbox.heard.stops, inbox.heard.reason) == (1, True, 2, "asked to stop")


class TwoRanks:
    """The comparison of two agreements, without a network."""

    def __init__(self, inboxes, seconds):
        self.clocks = [Clock(), Clock()]
        self.seconds = seconds
        self.barrier = threading.Barrier(2)
        self.told = [None, None]
        self.compared = [0, 0]
        self.ranks = [Agreement(inbox, group=object(), clock=clock) for inbox, clock in zip(inboxes, self.clocks, strict=True)]
        for number, rank in enumerate(self.ranks):
            rank._compared = lambda mine, seconds, number=number: self._compare(number, mine, seconds)

    def _compare(self, number, mine, seconds):
        self.compared[number] += 1
        self.told[number] = (mine, seconds)
        self.barrier.wait(240)
        one, other = (told[0] for told in self.told)
        pauses = max(2 * one.pauses + one.paused, 2 * other.pauses + other.paused)
        merged = Heard(
            max(one.stops, other.stops), one.reason or other.reason, max(one.checkpoints, other.checkpoints), pauses // 2, bool(pauses % 2),
            tuple(dict.fromkeys(one.snapshots + other.snapshots)),
        )  # fmt: skip
        slowest = max(told[1] for told in self.told)
        self.barrier.wait(240)
        return merged, slowest

    def steps(self, count, during=lambda step: None):
        answers = [[], []]

        def run(number):
            for step in range(count):
                if number == 0:
                    during(step)
                self.clocks[number].now += self.seconds
                answers[number].append(self.ranks[number]())

        threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
        [thread.start() for thread in threads]
        [thread.join(240) for thread in threads]
        return answers


def test_both_stop_at_the_same_step_though_only_one_was_told():
    inboxes = [Inbox(), Inbox()]
    two = TwoRanks(inboxes, EVERY / 10)
    one, other = two.steps(60, lambda step: inboxes[0].take({"k": "stop", "reason": "enough"}) if step == 20 else None)
    assert one == other and next(n for n, wishes in enumerate(one) if wishes.stop) in range(20, 32)


def test_a_wish_that_reaches_the_second_rank_late_is_not_done_twice():
    inboxes = [Inbox(), Inbox()]
    two = TwoRanks(inboxes, EVERY * 2)  # each step is an agreement
    late = {10: 0, 14: 1}

    def during(step):
        if step in late:
            inboxes[late[step]].take({"k": "checkpoint_now"})
            inboxes[late[step]].take({"k": "snapshot", "rank": 1, "token": "a"})

    one, other = two.steps(30, during)
    assert one == other
    assert sum(wishes.checkpoint for wishes in one) == 1 and [wishes.snapshot for wishes in one if wishes.snapshot] == [(1, "a")]


def test_quick_steps_are_not_held_up_by_agreeing():
    two = TwoRanks([Inbox(), Inbox()], EVERY / 1000)
    two.steps(1000)
    assert two.compared == [two.compared[0]] * 2 and two.compared[0] <= 1000 / MOST_CALLS + 3


def test_slow_steps_agree_at_each():
    two = TwoRanks([Inbox(), Inbox()], EVERY * 3)
    two.steps(10)
    assert two.compared == [10, 10]
