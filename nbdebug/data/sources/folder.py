"""A folder of images, one folder a class or all in one, whatever else lies in it."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from torch.utils.data import DataLoader, Dataset

from nbdebug.errors import SetupError, first_line

SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .bmp .gif .tif .tiff .webp .ppm .pgm .pbm .pnm .jp2 .avif .ico .tga".split())
BATCH = 8  # images in memory at a time: a photograph may have 12 million pixels
GREY = ("1", "L", "LA", "La", "I", "F")  # modes of one channel; also all that begin with I;16
ORIENTATION = 0x0112  # EXIF tag; 1 is upright


@dataclass(frozen=True)
class Broken:
    """A file that could not be decoded."""

    index: int
    path: str  # below the folder
    reason: str  # "UnidentifiedImageError: cannot identify image file"


class ImageFolder(Dataset):
    """The images below a folder as uint8 arrays (H, W, C), C is 1 or 3, with the index of their class.

    What is read is noted: files that are broken come as None, and `modes` counts what the others were.

    Raises:
        SetupError: the path is no folder, or holds no image.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.root = Path(path)
        if not self.root.is_dir():
            raise SetupError(f"{path} is no folder" if self.root.exists() else f"there is no folder {path}")
        self.left_out: Counter[str] = Counter()  # "hidden", "no image", "empty folder" → how many
        found = [(self._class_of(file), file) for file in self._files()]
        self.classes: tuple[str, ...] = tuple(sorted({name for name, _ in found if name}))
        if self.classes:  # files beside the class folders belong to no class
            self.left_out["beside the class folders"] += sum(not name for name, _ in found)
            found = [(name, file) for name, file in found if name]
        if not found:
            raise SetupError(f"{path} holds no image: none of its files is named {', '.join(sorted(SUFFIXES)[:6])} …")
        self.paths: tuple[str, ...] = tuple(str(file) for _, file in found)
        self.labels: tuple[int, ...] = tuple(self.classes.index(name) for name, _ in found) if self.classes else ()
        self._broken: dict[int, Broken] = {}
        self._modes: dict[int, str] = {}
        self._turned: set[int] = set()

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[numpy.ndarray | None, int] | numpy.ndarray | None:
        image = self._decoded(index)
        return (image, self.labels[index]) if self.classes else image

    def loader(self, batch_size: int = BATCH) -> DataLoader:
        """Batches of a list of images and their classes; without classes `{"image": [...]}`."""
        return DataLoader(self, batch_size=batch_size, collate_fn=_labelled if self.classes else _alone)

    @property
    def broken(self) -> tuple[Broken, ...]:
        """Files that were read and could not be decoded."""
        return tuple(self._broken[index] for index in sorted(self._broken))

    @property
    def modes(self) -> dict[str, int]:
        """PIL's mode → files read so far: "RGB", "L", "P" (palette), "CMYK", "I;16", "RGBA" …"""
        return dict(Counter(self._modes.values()).most_common())

    @property
    def turned(self) -> tuple[int, ...]:
        """Images that lie on their side, and whose EXIF data says so; they come as they are stored."""
        return tuple(sorted(self._turned))

    @property
    def about(self) -> str:
        """In a few words."""
        classes = f" in {len(self.classes):,} classes" if self.classes else ""
        return f"folder of {len(self):,} images{classes}"

    def _files(self) -> list[Path]:
        found = []
        for folder, inner, names in os.walk(self.root):
            self.left_out["hidden"] += sum(name.startswith(".") for name in (*inner, *names))
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            names = sorted(name for name in names if not name.startswith("."))
            images = [name for name in names if Path(name).suffix.lower() in SUFFIXES]
            self.left_out["no image"] += len(names) - len(images)
            self.left_out["empty folder"] += not images and not inner
            found += [Path(folder, name) for name in images]
        return found

    def _class_of(self, file: Path) -> str:
        """The first folder below the root, "" for what lies in the root itself."""
        below = file.relative_to(self.root).parts
        return below[0] if len(below) > 1 else ""

    def _decoded(self, index: int) -> numpy.ndarray | None:
        from PIL import Image

        path = self.paths[index]
        try:
            with Image.open(path) as image:
                mode, orientation = image.mode, image.getexif().get(ORIENTATION, 1)
                pixels = _pixels(image)
        except Exception as error:  # PIL raises whatever its decoders do: OSError, SyntaxError, ValueError, struct.error
            reason = f"{type(error).__name__}: {first_line(error)}".replace(path, Path(path).name)
            self._broken[index] = Broken(index, str(Path(path).relative_to(self.root)), reason)
            return None
        self._modes[index] = mode
        if orientation not in (0, 1):
            self._turned.add(index)
        return pixels


def _pixels(image: Any) -> numpy.ndarray:
    """(H, W, 1) or (H, W, 3) uint8; deep grey is scaled, transparency is left out as torchvision does."""
    if image.mode.startswith(("I", "F")):
        values = numpy.asarray(image, dtype=numpy.float64)
        span = 65535 if values.max(initial=0) > 255 else 255
        return (values.clip(0, span) * (255 / span)).astype(numpy.uint8)[:, :, None]
    if image.mode in GREY:
        return numpy.array(image.convert("L"))[:, :, None]
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return numpy.array(image.convert("RGB"))


def _labelled(samples: list[tuple[numpy.ndarray | None, int]]) -> tuple[list[numpy.ndarray | None], torch.Tensor]:
    return [image for image, _ in samples], torch.tensor([label for _, label in samples])


def _alone(samples: list[numpy.ndarray | None]) -> dict[str, list[numpy.ndarray | None]]:
    return {"image": samples}
