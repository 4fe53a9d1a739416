"""Whose the connections of a process group are.

gloo's sockets are on the loopback, where other users of the machine reach them too, and ask for no password. Linux knows the user of either end,
which nobody can pretend to be: a connection that leads to another user is refused before anything of the training goes over it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nbdebug.errors import LaunchError

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")  # proc_pid_net(5); a line a socket, both ends' addresses, the state, the user, the inode
ESTABLISHED = "01"  # include/net/tcp_states.h


@dataclass(frozen=True)
class Connected:
    """One end of a connection."""

    here: str  # address and port, as the table writes them
    there: str
    user: int
    inode: str


@contextmanager
def of_one_user() -> Iterator[None]:
    """Connections that this process makes inside lead to processes of the same user.

    Where the system does not tell, and where the ranks are on several machines, on which one may have several names, nothing is asked.

    Raises:
        LaunchError: one leads to another user.
    """
    before = held()
    yield
    made = held() - before
    strangers = others(made, connected()) if made and on_one_machine() else []
    if strangers:
        raise LaunchError(
            f"a process of user {strangers[0]} has connected itself to this run's ranks, which work for user {os.geteuid()}: "
            "nothing was sent to it. Somebody else on this machine interferes; see who, then launch again"
        )


def on_one_machine() -> bool:
    """Whether all ranks are here."""
    return os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")


def others(inodes: set[str], connections: list[Connected]) -> list[int]:
    """The users at the far ends of these sockets that are not this process's own. A far end that is closed already is nobody's."""
    own, users = os.geteuid(), {(each.here, each.there): each.user for each in connections}
    far = [users.get((each.there, each.here), own) for each in connections if each.inode in inodes]
    return [user for user in far if user != own]


def held() -> set[str]:
    """The inodes of this process's sockets; none where the system does not tell."""
    inodes = set()
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):  # the descriptor of the listing itself is closed by now
                kind, _, inode = os.readlink(f"/proc/self/fd/{name}").partition(":")
                if kind == "socket":
                    inodes.add(inode.strip("[]"))
    return inodes


def connected() -> list[Connected]:
    """All connections of this machine that are established."""
    found = []
    for table in TABLES:
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                _, here, there, state, _, _, _, user, _, inode, *_ = line.split()
                if state == ESTABLISHED:
                    found.append(Connected(here, there, int(user), inode))
    return found
