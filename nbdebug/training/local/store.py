"""Where the ranks meet: a store that the kernel owns, on a port that the system gives, on the loopback only."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

from nbdebug.errors import LaunchError

LOOPBACK = "127.0.0.1"


class Store:
    """A TCPStore on a socket that is bound before anybody hears of its port, so that no other process can take it."""

    def __init__(self, timeout: float = 300.0) -> None:
        from torch.distributed import TCPStore

        options = {"is_master": True, "wait_for_workers": False, "timeout": timedelta(seconds=timeout)}
        try:
            if os.name == "posix":
                with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as bound:
                    bound.bind((LOOPBACK, 0))
                    bound.listen(1024)
                    self.port: int = bound.getsockname()[1]
                    self._store: TCPStore | None = TCPStore(LOOPBACK, self.port, master_listen_fd=os.dup(bound.fileno()), **options)
            else:
                self._store = TCPStore(LOOPBACK, 0, **options)
                self.port = self._store.port
        except (OSError, RuntimeError) as error:
            raise LaunchError(f"no port could be opened on {LOOPBACK} for the ranks to meet: {error}") from error

    def close(self) -> None:
        """Gives the port back."""
        self._store = None
