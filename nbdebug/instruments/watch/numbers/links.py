"""What is known of a tensor because of another: so that NaN and Inf are looked for once where layers follow each other.

If no output of a Linear is NaN or Inf, then no input was, for every output of a row is a sum over all of its inputs. If
no input of a ReLU was, no output is. And backward: if no gradient that a Linear hands on is, none that it got was. Tests
hold each class here to that; of any other class, subclasses of these included, nothing is concluded.
"""

from __future__ import annotations

from torch import nn

_NORMS = frozenset([
    nn.LayerNorm, nn.GroupNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, *([nn.RMSNorm] if hasattr(nn, "RMSNorm") else []),
])  # fmt: skip
_CONVOLUTIONS = frozenset([nn.Conv1d, nn.Conv2d, nn.Conv3d])
_RESHAPE = frozenset([nn.Identity, nn.Flatten, nn.Unflatten])
TELLS = frozenset([nn.Linear, nn.GELU, nn.SiLU]) | _NORMS  # NaN or Inf that goes in comes out as NaN or Inf, somewhere
TELLS_BACK = TELLS | _CONVOLUTIONS | _RESHAPE  # the same of gradients
KEEPS = _RESHAPE | {  # what goes in finite comes out finite
    nn.ReLU, nn.ReLU6, nn.Hardtanh, nn.Tanh, nn.Sigmoid, nn.Hardsigmoid, nn.Softsign, nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d,
}  # fmt: skip


def link_of(module: nn.Module) -> str:
    """ "tells", "keeps", or nothing."""
    return "tells" if type(module) in TELLS else "keeps" if type(module) in KEEPS else ""


def tells_back(module: nn.Module) -> bool:
    if isinstance(module, tuple(_CONVOLUTIONS)):  # every output must have seen an input, and not only padding
        padding = module.padding
        if isinstance(padding, str) or any(p >= k for p, k in zip(padding, module.kernel_size, strict=True)):
            return False
    return type(module) in TELLS_BACK
