"""A process forked from our own server; imported only where forkservers are."""

from __future__ import annotations

import io
import os
from multiprocessing import forkserver, popen_forkserver, spawn, util
from multiprocessing.context import reduction, set_spawning_popen
from typing import Any

import torch.multiprocessing

from nbdebug.training.local.server import Server

_Process = torch.multiprocessing.get_context("forkserver").Process


class _Popen(popen_forkserver.Popen):
    """As in the standard library, but by a server of ours rather than the one of the process."""

    def _launch(self, process_obj: Any) -> None:
        work = io.BytesIO()
        server = process_obj.server
        set_spawning_popen(self)
        try:
            reduction.dump(spawn.get_preparation_data(process_obj._name), work)
            reduction.dump(process_obj, work)
        finally:
            set_spawning_popen(None)
        self.sentinel, write = server.connect(self._fds)
        watched = os.dup(write)  # its end is how the rank sees that the kernel is gone
        self.finalizer = util.Finalize(self, util.close_fds, (watched, self.sentinel))
        with open(write, "wb") as file:
            file.write(work.getbuffer())
        self.pid = forkserver.read_signed(self.sentinel)


class RankProcess(_Process):
    """A process of `server`."""

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(**options)
        self.server: Server | None = server

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "server": None}  # it is the kernel's

    @staticmethod
    def _Popen(process_obj: Any) -> _Popen:
        return _Popen(process_obj)
