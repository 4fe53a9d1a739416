"""The numbers of a watched training: every layer's activations and their gradients, every parameter, at every sampled step.

At one step: hooks and the optimizer's two sides hand tensors to the `Sampler`; at its end what is not finite and the norms are
read. The samples wait for those of other steps; then they go to the host, become a record a row in `reduction`, and are kept by `Histories`.
"""

from nbdebug.instruments.watch.numbers.engine import NonFinite, Numbers, Summary
from nbdebug.instruments.watch.numbers.magnitudes import LABELS, beyond_fp16, lost_in_bf16, lost_in_fp16
from nbdebug.instruments.watch.numbers.tracks import Tracks

__all__ = ["LABELS", "NonFinite", "Numbers", "Summary", "Tracks", "beyond_fp16", "lost_in_bf16", "lost_in_fp16"]
