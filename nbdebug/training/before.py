"""What is asked of a training before its processes start."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nbdebug.errors import LaunchError, NbdebugError, first_line
from nbdebug.findings import ERROR, INFO, Finding
from nbdebug.instruments.preflight import preflight
from nbdebug.training.job import SETUP, Job
from nbdebug.training_setup import TrainingSetup

if TYPE_CHECKING:
    from nbdebug.instruments.report import Report
    from nbdebug.training.config import RunConfig


def demand_sound(job: Job, config: RunConfig, processes: int) -> tuple[tuple[Finding, ...], str]:
    """The warnings of the preflight, and why it could not be made. A single process needs none, and what only the ranks will make cannot be asked.

    Raises:
        LaunchError: it found what cannot work.
    """
    if processes == 1 or job.kind != SETUP:
        return (), ""
    assert isinstance(job.what, TrainingSetup)
    try:
        report = looked_over(job.what, config, processes)
    except NbdebugError as error:  # the ranks will say what is wrong
        return (), f"the preflight could not be made: {first_line(error)}"
    if errors := [finding for finding in report.findings if finding.severity is ERROR]:
        raised = LaunchError(f"no process was started: {'; '.join(map(str, errors))} · launch(…, preflight=False) starts it all the same")
        raised.report = report  # type: ignore[attr-defined]
        raise raised
    return told(report), short_of_memory(report)


def looked_over(setup: TrainingSetup, config: RunConfig, processes: int) -> Report:
    """The preflight of a setup, as the configuration will have it.

    Raises:
        NbdebugError: it could not be made.
    """
    told = config.training
    return _last(preflight.follow(
        replace(setup, scaler=None, precision=_precision(config, setup)), num_processes=processes, batch_size=config.data.batch_size, accumulate=told.accumulate,
        find_unused_parameters=told.find_unused_parameters or told.static_graph, sync_batch_norm=told.sync_batch_norm,
    ))  # fmt: skip


def told(report: Report) -> tuple[Finding, ...]:
    """What of it is worth a word beside a run."""
    return tuple(finding for finding in report.findings if finding.severity is not INFO)


def short_of_memory(report: Report) -> str:
    """A sentence where the ranks will need more than there is."""
    memory = report.result.memory
    if memory is None or memory.free is None or memory.needed <= memory.free:
        return ""
    return f"about {memory.needed / 1e6:,.0f} MB will be needed by {memory.ranks} ranks, and {memory.free / 1e6:,.0f} MB are free"


def demand_precision(config: RunConfig, job: Job, device: str) -> None:
    """Raises LaunchError when the device cannot compute so."""
    import torch

    precision = config.training.precision or (job.what.precision if isinstance(job.what, TrainingSetup) else "32-true")
    if device == "cuda" and precision.startswith("bf16") and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise LaunchError(f"this GPU ({torch.cuda.get_device_name()}) has no bfloat16: take precision='16-mixed', which gets a GradScaler by itself")
    if device == "mps" and precision == "64-true":
        raise LaunchError("this GPU has no float64: take precision='32-true', or device='cpu'")


def _precision(config: RunConfig, setup: TrainingSetup) -> str:
    return config.training.precision or setup.precision


def _last(reports: Any) -> Any:
    """Of ever fuller ones; nothing is shown meanwhile."""
    *_, report = reports
    return report
