"""What a block of images tells: extremes of every pixel, moments of every k-th, thumbnails, difference hashes."""

from __future__ import annotations

import math

import numpy
import torch
from torch.nn import functional as F

from nbdebug.data.split import QUANTILES, Columns

SIDE = 64  # every k-th row and column of a larger image is looked at, so that at most this many are left
MOMENT_PIXELS = 1500  # of an image, for mean, std, skew and kurtosis
QUANTILE_PIXELS = 200_000  # of the thumbnails, for the quantiles
GREY = (0.299, 0.587, 0.114)  # luma of red, green and blue, ITU-R BT.601


def thinned(image: numpy.ndarray) -> numpy.ndarray:
    """(…, C, h, w): every k-th row and column, contiguous float32."""
    down, across = (max(1, -(-side // SIDE)) for side in image.shape[-2:])
    return numpy.ascontiguousarray(image[..., ::down, ::across], dtype=numpy.float32)


def thumbnails(images: numpy.ndarray, side: int) -> numpy.ndarray:
    """(n, side, side, C) area means of (n, C, h, w)."""
    return F.adaptive_avg_pool2d(torch.from_numpy(images), side).permute(0, 2, 3, 1).numpy()


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
        values = images[:, :, ::every, ::every].swapaxes(0, 1).reshape(self.channels, -1).astype(numpy.float64)
        self.pixels, self.looked = self.pixels + size, self.looked + values.shape[1]
        self.low, self.high = numpy.fmin(self.low, numpy.fmin.reduce(low)), numpy.fmax(self.high, numpy.fmax.reduce(high))
        self.zeros += (values == 0).sum(1)
        self.negative += (values < 0).sum(1)
        finite = numpy.isfinite(values)
        self.finite += finite.sum(1)
        if self.origin is None:
            self.origin = numpy.where(finite, values, 0.0).mean(1, keepdims=True)
        values = numpy.where(finite, values - self.origin, 0.0)
        square = values * values
        self.sums += (values.sum(1), square.sum(1), numpy.einsum("cp,cp->c", square, values), numpy.einsum("cp,cp->c", square, square))

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
