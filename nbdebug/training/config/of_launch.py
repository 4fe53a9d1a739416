"""Which processes the run has."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from nbdebug.training.config.section import Section
from nbdebug.training.config.values import Count, CountOrNone, Flag, NotNegative, Positive, one_of

DEVICE_WORDS = {"gpu": "cuda", "cuda": "cuda", "cpu": "cpu", "mps": "mps", "auto": "auto"}


class Launch(Section):
    """None and "auto": what the machine has and the setup asks for."""

    num_processes: Count | None = None
    device: Annotated[str, BeforeValidator(one_of("auto", "cpu", "cuda", "mps", also=DEVICE_WORDS))] = "auto"
    backend: Annotated[str, BeforeValidator(one_of("auto", "gloo", "nccl"))] = "auto"
    start_method: Annotated[str, BeforeValidator(one_of("auto", "forkserver", "spawn"))] = "auto"
    grace: NotNegative = 10.0  # seconds that ranks have to end by themselves
    timeout: Positive = 300.0  # seconds that a rank waits for the others in a collective
    detach: Flag = False
    restarts: CountOrNone = 0  # times that all ranks start again when one died
    threads: Count | None = None  # of each rank; None: its share of the cores
