"""The numbers of a watched training: every layer's activations and their gradients, every parameter, at every sampled step.

At one step: hooks and the optimizer's two sides hand tensors to the `Sampler`; at its end the norms are read. Samples, and copies of
tensors so small that they are looked at later, wait for those of other steps; then they go to the host, become a record a row in `reduction`,
and are kept by `Histories`.
"""

from nbdebug.instruments.watch.numbers.engine import Norms, Numbers
from nbdebug.instruments.watch.numbers.magnitudes import LABELS, beyond_fp16, lost_in_bf16, lost_in_fp16
from nbdebug.instruments.watch.numbers.tracks import Tracks

__all__ = ["LABELS", "Norms", "Numbers", "Tracks", "beyond_fp16", "lost_in_bf16", "lost_in_fp16"]
