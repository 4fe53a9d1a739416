"""The folder of a run: one place a file, so that whoever comes later (another kernel, torchrun, a person) finds everything.

    nbdebug_runs/20261121-120501-digits/
        run.json             what is known of the run as a whole, and how it ended
        config.yaml          the configuration as it was resolved
        record.json          data, model, environment, hardware, git, cells
        payload/             what the ranks were given: the user's own code and objects, for the owner's eyes only
        events-rank0.jsonl   what rank 0 said, line by line
        output-rank0.log     what rank 0 printed
        checkpoints/         step-00000120.pt …, whole or not there
        weights.pt           the trained weights, when the run ended well or was stopped
        snapshots/ capsules/ tensorboard/
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdebug.errors import LaunchError

ROOT = "nbdebug_runs"  # under the working directory of the kernel, or in $NBDEBUG_RUNS
OWNER_ONLY = 0o700


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one run are."""

    path: Path

    @classmethod
    def create(cls, name: str = "", root: str | os.PathLike[str] | None = None) -> RunFolder:
        """A new folder, named by the second and the name of the run.

        Raises:
            LaunchError: it cannot be made there.
        """
        home = runs_root(root)
        stem = "-".join(filter(None, (time.strftime("%Y%m%d-%H%M%S"), _plain(name))))
        for suffix in ("", *(f"-{secrets.token_hex(2)}" for _ in range(20))):  # two launches may share a second
            path = home / (stem + suffix)
            try:
                home.mkdir(parents=True, exist_ok=True)
                path.mkdir(mode=OWNER_ONLY)
            except FileExistsError:
                if home.is_dir():
                    continue
                raise LaunchError(f"no folder for the run can be made in {home}, which is a file: say another one with runs_dir=…") from None
            except OSError as error:
                raise LaunchError(f"no folder for the run can be made in {home} ({error.strerror}): say another one with runs_dir=…") from error
            folder = cls(path)
            for part in (folder.payload, folder.checkpoints):
                part.mkdir(mode=OWNER_ONLY)
            return folder
        raise LaunchError(f"no free name for a run was found in {home}")

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def run_json(self) -> Path:
        return self.path / "run.json"

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def record(self) -> Path:
        return self.path / "record.json"

    @property
    def payload(self) -> Path:
        return self.path / "payload"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def weights(self) -> Path:
        return self.path / "weights.pt"

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots"

    @property
    def capsules(self) -> Path:
        return self.path / "capsules"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    def events(self, rank: int) -> Path:
        return self.path / f"events-rank{rank}.jsonl"

    def output(self, rank: int) -> Path:
        return self.path / f"output-rank{rank}.log"

    def about(self) -> dict[str, Any]:
        """run.json; empty when it is not there or cannot be read."""
        with contextlib.suppress(OSError, ValueError):
            return dict(json.loads(self.run_json.read_text()))
        return {}

    def tell(self, **facts: Any) -> None:
        """Writes facts into run.json, beside those that stand there; in one go, so that a reader never sees half of it."""
        write_whole(self.run_json, json.dumps({**self.about(), **facts}, indent=1))

    def said(self, rank: int) -> Iterator[Mapping[str, Any]]:
        """The events of a rank; a last line that was cut off is left out."""
        with contextlib.suppress(OSError), self.events(rank).open(errors="replace") as lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    yield json.loads(line)


def runs_root(root: str | os.PathLike[str] | None = None) -> Path:
    """Where runs are kept."""
    return Path(root or os.environ.get("NBDEBUG_RUNS") or ROOT).absolute()


def write_whole(path: Path, text: str) -> None:
    """Writes a text file so that it is whole or as it was, whatever happens meanwhile."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(2)}")
    try:
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40].strip("-")
