"""How often the machine has killed a process of ours for want of memory; a rank killed so gives no reason itself."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def oom_kills(group_of: Path = Path("/proc/self/cgroup"), root: Path = CGROUPS) -> int | None:
    """The count in this process's control group (memory.events of version 2, memory.oom_control of version 1); None where there is none.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.events), cgroup-v1/memory.html section 10.
    """
    for file in _files(group_of, root):
        with contextlib.suppress(OSError):
            if counted := re.search(r"^oom_kill (\d+)$", file.read_text(), re.MULTILINE):
                return int(counted[1])
    return None


def _files(group_of: Path, root: Path) -> list[Path]:
    """Where the count may be; inside a container the group's own folder is often the root."""
    with contextlib.suppress(OSError):
        lines = [line.split(":", 2) for line in group_of.read_text().splitlines()]
        new = [path for _, kinds, path in lines if not kinds]
        old = [path for _, kinds, path in lines if "memory" in kinds.split(",")]
        return [
            *(root / path.lstrip("/") / "memory.events" for path in new), root / "memory.events",
            *(root / "memory" / path.lstrip("/") / "memory.oom_control" for path in old), root / "memory" / "memory.oom_control",
        ]  # fmt: skip
    return []
