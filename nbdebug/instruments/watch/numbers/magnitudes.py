"""The columns of the counts: zeros, subnormals, then the magnitude bins; and what another precision would lose of them."""

from __future__ import annotations

from collections.abc import Sequence

from nbdebug.tensor_stats import BIN_LABELS, HIGHEST, LOWEST

LABELS = ("0", "subnormal", *BIN_LABELS)  # "<2^-24" holds what is smaller and still normal in float32
COLUMNS = len(LABELS)
BIAS = 127  # of the exponent field of float32
FIRST, LAST = BIAS + LOWEST, BIAS + HIGHEST  # exponent fields that have a bin of their own: FIRST ≤ field < LAST


def beyond_fp16(counts: Sequence[int]) -> int:
    """Elements that float16 cannot hold: 2^16 and more. (65504 itself, its largest number, lies one bin lower.)"""
    return counts[-1]


def lost_in_fp16(counts: Sequence[int]) -> int:
    """Elements below 2^-24, the smallest step of float16: they become 0, or that step."""
    return counts[1] + counts[2]


def lost_in_bf16(counts: Sequence[int]) -> int:
    """Elements below 2^-126, where bfloat16, like float32, leaves its normal numbers."""
    return counts[1]
