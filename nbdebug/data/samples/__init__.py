"""A gallery of what was read: some of every class, and all that a finding names."""

from nbdebug.data.samples.look import SampleLook
from nbdebug.data.samples.samples import samples

__all__ = ["SampleLook", "samples"]
