"""What a block of images tells: extremes of every pixel, moments of every k-th, thumbnails, difference hashes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy
import torch
from torch.nn import functional as F

from nbdebug.data.split import QUANTILES, Columns

SIDE = 64  # every k-th row and column of a larger image is looked at, so that at most this many are left
MOMENT_PIXELS = 1500  # of an image, for mean, std, skew and kurtosis
QUANTILE_PIXELS = 200_000  # of the thumbnails, for the quantiles
GREY = (0.299, 0.587, 0.114)  # luma of red, green and blue, ITU-R BT.601


def looked_over(images: Sequence[numpy.ndarray]) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """Of n images (C, H, W): lowest and highest value of each channel, (n, C) float64, and every k-th row and column, (n, C, h, w) float32.

    One image after the other, as it then stays near the processor.
    """
    channels, height, width = images[0].shape
    down, across = (max(1, -(-side // SIDE)) for side in (height, width))
    low, high = numpy.empty((2, len(images), channels))
    small = numpy.empty((len(images), channels, -(-height // down), -(-width // across)), numpy.float32)
    for row, image in enumerate(images):
        low[row], high[row] = extreme(image, numpy.minimum), extreme(image, numpy.maximum)
        small[row] = image[:, ::down, ::across]
    return low, high, small


def extreme(image: numpy.ndarray, of: numpy.ufunc) -> numpy.ndarray:
    """(C,) `of` all pixels of (C, H, W), along the axis that lies contiguous in memory."""
    channels, height, width = image.shape
    if image.strides[0] == image.itemsize and channels > 1:  # the view of an (H, W, C): whole rows at a time
        return of.reduce(of.reduce(numpy.moveaxis(image, 0, -1).reshape(height, width * channels), 0).reshape(width, channels), 0)
    return of.reduce(image.reshape(channels, -1), 1)


def thumbnails(images: numpy.ndarray, side: int) -> numpy.ndarray:
    """(n, side, side, C) area means of (n, C, h, w) finite float32; the windows are those of adaptive_avg_pool2d."""
    down, across = (_windows(size, side) for size in images.shape[2:])
    sums = down @ (images @ across.T)  # of whole numbers exact, as the mean is
    return (sums / (down.sum(1)[:, None] * across.sum(1))).transpose(0, 2, 3, 1)


@lru_cache(maxsize=64)
def _windows(size: int, cells: int) -> numpy.ndarray:
    """(cells, size) of 0 and 1: which pixels each cell is the mean of."""
    cell, pixel = numpy.arange(cells)[:, None], numpy.arange(size)
    return ((pixel >= cell * size // cells) & (pixel < -((cell + 1) * size // -cells))).astype(numpy.float32)


def difference_hashes(images: numpy.ndarray) -> numpy.ndarray:
    """(n,) uint64 of (n, C, h, w): whether each of 8 x 9 grey cells is brighter than the one to its left.

    Bits lie as in imagehash.dhash. Krawetz, Kind of like that (2013).
    """
    channels = images.shape[1]
    weights = numpy.array(GREY if channels in (3, 4) else [1 / channels] * channels, numpy.float32)
    grey = numpy.einsum("nchw,c->nhw", images[:, : len(weights)], weights)
    cells = F.adaptive_avg_pool2d(torch.from_numpy(grey)[:, None], (8, 9))[:, 0].numpy()
    bits = cells[:, :, 1:] > cells[:, :, :-1]
    return numpy.packbits(bits.reshape(len(bits), 64), axis=1).view(">u8")[:, 0].astype(numpy.uint64)


class PixelMoments:
    """Statistics of every channel: extremes and NaN of all pixels, everything else of every k-th one."""

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.pixels = self.looked = 0  # of one channel
        self.missing, self.infinite, self.finite, self.zeros, self.negative = (numpy.zeros(channels, numpy.int64) for _ in range(5))
        self.low, self.high = numpy.full(channels, numpy.inf), numpy.full(channels, -numpy.inf)
        self.origin: numpy.ndarray | None = None  # (C, 1); sums of powers are taken about it
        self.sums = numpy.zeros((4, channels))

    def add(self, images: numpy.ndarray, low: numpy.ndarray, high: numpy.ndarray, size: int) -> None:
        """One block.

        Args:
            images: (n, C, h, w) thinned.
            low: (n, C) of all finite pixels; NaN where there are none.
            high: as `low`.
            size: pixels of one channel, all n together and before thinning.
        """
        every = max(1, math.ceil((images.shape[2] * images.shape[3] / MOMENT_PIXELS) ** 0.5))
        values = numpy.array(images[:, :, ::every, ::every].swapaxes(0, 1), dtype=numpy.float64, order="C").reshape(self.channels, -1)
        self.pixels, self.looked = self.pixels + size, self.looked + values.shape[1]
        self.low, self.high = numpy.fmin(self.low, numpy.fmin.reduce(low)), numpy.fmax(self.high, numpy.fmax.reduce(high))
        self.zeros += values.shape[1] - numpy.count_nonzero(values, axis=1)
        if not (low >= 0).all():
            self.negative += numpy.count_nonzero(values < 0, axis=1)
        finite = numpy.isfinite(values) if not numpy.isfinite(values.sum(1)).all() else None
        self.finite += values.shape[1] if finite is None else finite.sum(1)
        if self.origin is None:
            self.origin = (values if finite is None else numpy.where(finite, values, 0.0)).mean(1, keepdims=True)
        values -= self.origin
        if finite is not None:
            values[~finite] = 0.0
        square = values * values
        self.sums += (values.sum(1), *(numpy.einsum("cp,cp->c", a, b) for a, b in ((values, values), (square, values), (square, square))))

    def count_broken(self, images: numpy.ndarray) -> None:
        """NaN and Inf of (n, C, H, W) images that are known to hold some."""
        self.missing += numpy.isnan(images).sum((0, 2, 3))
        self.infinite += numpy.isinf(images).sum((0, 2, 3))

    def columns(self, names: tuple[str, ...], dtype: str, thumbs: numpy.ndarray) -> Columns:
        """The statistics; quantiles from thumbnails (K, h, w, C)."""
        nothing = self.finite == 0
        first, second, third, fourth = self.sums / numpy.maximum(self.finite, 1)
        variance = numpy.maximum(second - first**2, 0.0)
        scale = numpy.where(variance > 0, variance, 1.0)
        skew = (third - 3 * first * second + 2 * first**3) / scale**1.5
        kurtosis = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / scale**2 - 3
        flat = variance <= 0
        share = self.pixels / max(self.looked, 1)
        origin = self.origin[:, 0] if self.origin is not None else numpy.zeros(self.channels)
        rows = thumbs.reshape(-1, self.channels)
        rows = rows[:: -(-len(rows) // QUANTILE_PIXELS) or 1]

        def known(values: numpy.ndarray) -> numpy.ndarray:
            return numpy.where(nothing, numpy.nan, values)

        quantiles = numpy.stack([_quantiles(rows[:, channel]) for channel in range(self.channels)])
        quantiles[:, 0], quantiles[:, -1] = known(self.low), known(self.high)
        distinct = numpy.where(flat, 1, [len(numpy.unique(rows[:, channel])) for channel in range(self.channels)])
        return Columns(
            names, (dtype,) * self.channels, numpy.full(self.channels, self.pixels), self.missing.copy(), self.infinite.copy(),
            known(origin + first), known(numpy.sqrt(variance)), known(numpy.where(flat, 0.0, skew)), known(numpy.where(flat, 0.0, kurtosis)),
            known(self.low), known(self.high), numpy.rint(self.zeros * share).astype(numpy.int64),
            numpy.rint(self.negative * share).astype(numpy.int64), distinct, numpy.zeros(self.channels, bool), quantiles,
        )  # fmt: skip


def _quantiles(values: numpy.ndarray) -> numpy.ndarray:
    values = values[numpy.isfinite(values)]
    return numpy.quantile(values.astype(numpy.float64), QUANTILES) if len(values) else numpy.full(len(QUANTILES), numpy.nan)
