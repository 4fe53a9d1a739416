"""How batches are made and delivered to a rank."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from nbdebug.training.config.section import Section
from nbdebug.training.config.values import Count, CountOrNone, Flag, Fraction, number

MIXUP = 0.2  # of `mixup: true`; Zhang et al. 2018 (arXiv 1710.09412) find 0.1 to 0.4 best on ImageNet
CUTMIX = 1.0  # of `cutmix: true`; Yun et al. 2019 (arXiv 1905.04899)


def _alpha(usual: float) -> Any:
    """The alpha of a Beta distribution; true is the usual one, false and 0 are none."""

    def read(value: Any) -> Any:
        if isinstance(value, bool) or value is None:
            return usual if value else None
        return number(least=0)(value) or None

    return BeforeValidator(read)


class Data(Section):
    """None leaves a thing as the setup's loader has it."""

    batch_size: Count | None = None  # samples of one rank's batch
    num_workers: CountOrNone | None = None
    pin_memory: Flag | None = None
    prefetch: Count | None = None  # batches that each worker is ahead
    shuffle: Flag | None = None
    drop_last: Flag | None = None
    balance: Flag = False  # classes are drawn equally often, whatever their share
    mixup: Annotated[float | None, _alpha(MIXUP)] = None
    cutmix: Annotated[float | None, _alpha(CUTMIX)] = None
    mix_probability: Fraction = 1.0  # share of the batches that are mixed
