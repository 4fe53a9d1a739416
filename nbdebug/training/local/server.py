"""The server that ranks are forked from: a fresh interpreter that has torch imported and has never seen a GPU.

It is a `multiprocessing.forkserver` of our own, so that the one of the user's, if there is any, stays as it is. It is started anew when
what it was made of has changed (sys.path, the environment that is read at import, versions), and ends with the kernel.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbdebug.training.local import preloaded, short_path

PRELOADED = (
    "nbdebug_ahead", "torch", "torch.distributed", "torch.nn.parallel.distributed", "torch._dynamo", "torch.utils.data", "cloudpickle", "psutil",
    "nbdebug.training.rank.entry", "nbdebug.training.payload.reading", "nbdebug.training.config", "nbdebug.training.checkpoint",
    "nbdebug.training.trainer", "nbdebug.training.local.forked", "nbdebug.training.local.preloaded",
)  # fmt: skip
READ_AT_IMPORT = ("PYTHON", "OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_", "CUDA_", "NCCL_", "GLOO_", "TORCH", "PYTORCH_", "LD_", "HIP_", "ROCR_")

_lock = threading.RLock()
_current: Server | None = None


class Server:
    """One such interpreter, and how many runs have ranks of it.

    Args:
        imports: what it has besides.
    """

    def __init__(self, imports: tuple[str, ...] = ()) -> None:
        from multiprocessing.forkserver import ForkServer  # not on every system

        self.made_of = made_of()
        self.imports = frozenset(imports)
        self.users = 0
        self._reaped = False
        self._forks = ForkServer()
        self._forks.set_forkserver_preload([*PRELOADED[:-1], *imports, PRELOADED[-1]])
        self._told = short_path.folder("server")
        with _environment(preloaded.asked(self._told)), _sockets_in(self._told) if short_path.home() else contextlib.nullcontext():
            self._forks.ensure_running()

    @property
    def pid(self) -> int:
        return int(self._forks._forkserver_pid)  # type: ignore[attr-defined]

    def connect(self, descriptors: list[int]) -> tuple[int, int]:
        """A new process: (where its pid and exit code are read, where its work is written)."""
        return self._forks.connect_to_new_process(descriptors)

    def report(self) -> dict[str, Any] | None:
        """What the server holds, as soon as it is ready."""
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads((self._told / preloaded.REPORT).read_text()))
        return None

    def alive(self) -> bool:
        """Whether it runs."""
        if not self._reaped:
            try:
                self._reaped = os.waitpid(self.pid, os.WNOHANG) != (0, 0)
            except OSError:
                self._reaped = True
        return not self._reaped

    def dies(self, seconds: float) -> bool:
        """Whether it is dead, or will be in a moment: its files are closed before it can be waited for."""
        until = time.monotonic() + seconds
        while self.alive() and time.monotonic() < until:
            time.sleep(0.005)
        return not self.alive()

    def stop(self) -> None:
        """Ends it; its address and its files go."""
        if self.alive():  # else its number may be another's by now
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(OSError, TypeError):
            self._forks._stop()  # type: ignore[attr-defined]
        shutil.rmtree(self._told, ignore_errors=True)


def made_of() -> tuple[Any, ...]:
    """What a server takes over for good when it starts; one that was made of something else is not used any more."""
    read = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith(READ_AT_IMPORT)))
    return sys.executable, tuple(map(str, sys.path)), read, tuple(preloaded.versions().items())


def lent(imports: tuple[str, ...] = ()) -> Server:
    """The server to fork from, started if need be; hand it back with `back`. Returns before it is ready.

    Args:
        imports: modules that it must have; one that had some keeps them.
    """
    global _current
    with _lock:
        before = _current.imports if _current is not None else frozenset()
        if _current is not None and not (_current.made_of == made_of() and _fit(_current) and before.issuperset(imports)):
            retired, _current = _current, None
            if not retired.users:
                retired.stop()
        if _current is None:
            _current = Server(tuple(sorted(before.union(imports))))
        _current.users += 1
        return _current


def back(server: Server) -> None:
    """The run is over; a server that nobody wants any more ends."""
    with _lock:
        server.users -= 1
        if server is not _current and not server.users:
            server.stop()


def retire(server: Server) -> None:
    """Not used for another run."""
    global _current
    with _lock:
        if server is _current:
            _current = None
        if not server.users:
            server.stop()


def warm_up() -> None:
    """Starts the server that ranks are forked from, in the background, so that the first launch finds it ready; about 300 MB of memory."""
    import multiprocessing

    if "forkserver" in multiprocessing.get_all_start_methods():
        threading.Thread(target=lambda: back(lent()), name="nbdebug warm-up", daemon=True).start()


def ahead(start_method: str, imports: tuple[str, ...] = ()) -> None:
    """Has the server import what it needs while the launch still looks at the setup and writes the payload; one that is refused leaves it warm.

    Args:
        start_method: of the run's configuration.
    """
    import multiprocessing

    if start_method != "spawn" and "forkserver" in multiprocessing.get_all_start_methods():
        with contextlib.suppress(OSError):  # the run says what is wrong
            back(lent(imports))


def _fit(server: Server) -> bool:
    report = server.report()
    return server.alive() and (report is None or report["versions"] == preloaded.versions())


@contextlib.contextmanager
def _sockets_in(folder: Path) -> Any:
    """Where multiprocessing puts the address that it makes meanwhile."""
    from multiprocessing import process

    config = process.current_process()._config  # type: ignore[attr-defined]
    kept, config["tempdir"] = config.get("tempdir"), str(folder)
    try:
        yield
    finally:
        config["tempdir"] = kept


@contextlib.contextmanager
def _environment(changed: Mapping[str, str]) -> Any:
    """For the moment in which the server starts: it takes PYTHONPATH, and SIGINT is not for it or its children."""
    kept = {name: os.environ.get(name) for name in changed}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
