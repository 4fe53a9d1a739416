"""Whose the connections of a process group are: of one user, or it is not trained."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
import torch.distributed as dist

from nbdebug.errors import LaunchError
from nbdebug.training.rank import meeting, owners
from nbdebug.training.rank.spec import RankSpec

NOBODY = 65534  # the user "nobody" of most systems; any other number would do

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says whose a connection is")


@contextmanager
def connection():
    """Both ends of one."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as here:
        there, _ = server.accept()
        with there:
            yield here, there


def inode(end):
    return str(os.fstat(end.fileno()).st_ino)


def test_both_ends_are_found_and_are_of_one_user():
    with connection() as (here, there):
        rows = {row.inode: row for row in owners.connected()}
        assert {inode(here), inode(there)} <= owners.held()
        assert (rows[inode(here)].here, rows[inode(here)].there) == (rows[inode(there)].there, rows[inode(there)].here)
        assert rows[inode(here)].user == rows[inode(there)].user == os.geteuid()
        assert owners.others({inode(here), inode(there)}, list(rows.values())) == []


def test_a_far_end_of_another_user_is_refused(monkeypatch):
    with pytest.raises(LaunchError, match=f"process of user {NOBODY} has connected itself to this run's ranks, which work for user"), connection_of(monkeypatch, NOBODY):
        pass


def test_a_connection_from_before_is_the_users_own_affair(monkeypatch):
    with connection() as (here, there):
        foreign(monkeypatch, there, NOBODY)
        with owners.of_one_user():
            pass


def test_ranks_of_several_machines_may_be_of_several_users(monkeypatch):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with connection_of(monkeypatch, NOBODY):
        pass


@contextmanager
def connection_of(monkeypatch, user):
    """Made while it is watched; its far end belongs to that user."""
    with ExitStack() as closing, owners.of_one_user():
        _, there = closing.enter_context(connection())
        foreign(monkeypatch, there, user)
        yield


def foreign(monkeypatch, end, user):
    """As if that user had opened this end."""
    real, its = owners.connected, inode(end)
    monkeypatch.setattr(owners, "connected", lambda: [replace(row, user=user if row.inode == its else row.user) for row in real()])


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_ranks_refuse_to_meet_a_process_of_another_user():
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        context = multiprocessing.get_context("fork")
        said = context.SimpleQueue()
        stranger = context.Process(target=_meet, args=(place, 1, said, NOBODY))
        own = context.Process(target=_meet, args=(place, 0, said, None))
        for each in (stranger, own):
            each.start()
        heard = dict(said.get() for _ in range(2))
        for each in (stranger, own):
            each.join(30)
    assert f"a process of user {NOBODY} has connected itself" in heard[0]


def _meet(place, rank, said, user):
    os.umask(0)
    if user is not None:
        os.setuid(user)
    try:
        meeting.meet(RankSpec("", rank, 2, rank, meeting=place), 30.0, by_torchrun=False)
        told = "met"
    except Exception as error:
        told = str(error)
    said.put((rank, told))
    if dist.is_initialized():
        os._exit(0)
