"""How many bytes a training may take."""

from __future__ import annotations

import os
import re
from pathlib import Path

import torch

from nbdebug.errors import SetupError

SHARE = 0.5  # of the memory that is free now, on the CPU; our choice: the rest is for the workers of a loader, and for all else
UNITS = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
CGROUPS = (  # where Linux says how much a container may take, and takes
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


def limit_of(memory: float | str | None, device: torch.device, held: float) -> tuple[float | None, str]:
    """The limit in bytes, and where it comes from; None where nobody knows how much there is.

    Args:
        memory: what the user said; None: what is free now, on the CPU half of it.
        held: bytes that the training holds already, which are part of what it may take.

    Raises:
        SetupError: it is no size.
    """
    if memory is not None:
        given = bytes_of_text(memory)
        return given, f"memory={memory!r}"
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return held + free + unused, f"what is free on {device} now, and what this training holds there"
    if device.type != "cpu":
        return None, f"how much memory {device} has is not known: say it with memory="
    free = available()
    if free is None:
        return None, "how much memory is free is not known here: say it with memory="
    return held + SHARE * free, f"{SHARE:.0%} of the memory that is free now, and what this training holds; memory= says another"


def bytes_of_text(memory: float | str) -> float:
    """`2e9`, `"2 GB"`, `"512 MiB"` in bytes.

    Raises:
        SetupError: it is none of these.
    """
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?(?:e\d+)?)\s*([KMGT]i?B|B)?\s*", str(memory), re.IGNORECASE)
    if isinstance(memory, bool) or not matched or float(matched[1]) <= 0:
        raise SetupError(f'memory must be a size such as "2 GB", "512 MiB" or a number of bytes, got {memory!r}')
    return float(matched[1]) * UNITS[(matched[2] or "B").lower()]


def available() -> float | None:
    """Bytes that this process could still take: of the machine, or of the container where that is less."""
    free = [found for found in (_of_machine(), *_of_containers()) if found is not None]
    return min(free, default=None)


def _of_machine() -> float | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return float(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return None


def _of_containers() -> list[float]:
    found = []
    for most, used in CGROUPS:
        try:
            found.append(float(Path(most).read_text()) - float(Path(used).read_text()))
        except (OSError, ValueError):  # another system; or "max", which is no number
            continue
    return [max(0.0, left) for left in found]
