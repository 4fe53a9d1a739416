"""An exception is told in the user's own terms, and the echo of another rank's end is known as such."""

from __future__ import annotations

import pytest
import torch.distributed as dist

from nbdebug.errors import StepError
from nbdebug.training.rank import raised
from tests.training.payload.cells import cell

GLOO = "[../third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:28567."
NO_ANSWER = "[../third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:81] Timed out waiting 5000ms for recv operation to complete"


def caught(make):
    try:
        make()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def throw(error, cause=None):
    raise error from cause


def after(first, then):
    try:
        raise first
    except BaseException:
        raise then  # noqa: B904  as a user's `finally` does


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(GLOO), RuntimeError(NO_ANSWER), dist.DistBackendError("NCCL error: remote process exited"), dist.DistNetworkError("recv failed"),
        RuntimeError("[Rank 0]: Rank 1 failed to pass monitoredBarrier in 5000 ms"),
    ],
)  # fmt: skip
def test_the_echo_of_another_ranks_end_is_secondary(error):
    assert raised.is_secondary(caught(lambda: throw(error)))
    assert raised.is_secondary(caught(lambda: throw(StepError("the backward pass raised"), error)))
    assert raised.is_secondary(caught(lambda: after(error, KeyError("state"))))


@pytest.mark.parametrize("error", [ValueError("bad label"), RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ConnectionResetError("Connection reset by peer"), TimeoutError("timed out")])
def test_what_the_users_code_raised_is_not(error):
    assert not raised.is_secondary(caught(lambda: throw(error)))
    assert not raised.is_secondary(caught(lambda: after(error, RuntimeError(GLOO))))


def test_the_original_is_told_and_not_the_word_over_it():
    with cell("def step():\n    raise IndexError('target 10')", number=4) as main:
        original = caught(main["step"])
        told = raised.event_of(caught(lambda: throw(StepError("the loss raised IndexError"), original)), 12)
    assert told["etype"] == "IndexError" and told["message"] == "target 10" and told["step"] == 12
    assert told["line"] == "Cell In[4], line 2: raise IndexError('target 10')"
    assert 'File "Cell In[4]", line 2, in step\n    raise IndexError' in told["traceback"] and "StepError" not in told["traceback"]


def test_an_exception_that_cannot_say_what_it_is_is_told_all_the_same():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError("no")

    told = raised.event_of(caught(lambda: throw(Mute())), 0)
    assert told["etype"] == "Mute" and told["message"] == "no message" and "Mute" in told["traceback"]
