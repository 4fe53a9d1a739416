"""The last healthy values: the parameters nearest to a birth, as they were before the step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from nbdebug.nonfinite.origin import Origin, Values
from nbdebug.nonfinite.values import measured

MOST = 6  # parameters that are shown; our choice


def healthy(origin: Origin, named: Mapping[str, Tensor]) -> tuple[Values, ...]:
    """Those of the module where it was born, or else of what is around it; of an optimizer-born one the parameter itself."""
    if origin.phase == "optimizer" and origin.parameter in named:
        return (measured(origin.parameter, named[origin.parameter]),)
    path = origin.module
    while path and not any(name.startswith(f"{path}.") for name in named):
        path = path.rpartition(".")[0]
    near = [name for name in named if not path or name.startswith(f"{path}.")]
    return tuple(measured(name, named[name]) for name in near[:MOST])
