"""COCO annotations: images, boxes and categories from plain JSON, whatever is missing or wrong in it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from torch.utils.data import DataLoader, Dataset

from nbdebug.errors import SetupError

BATCH = 256  # images, of which only the annotations are read
OTHER_KINDS = frozenset(["bbox", "segmentation", "keypoints", "caption", "segments_info"])  # one of which every annotation has
EXAMPLES = 5  # of a trouble that are spelled out
PARTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class Trouble:
    """Something that many entries of the file have in common."""

    what: str  # "have no bbox", "name an image that does not exist"
    of: str  # "images", "annotations", "categories"
    count: int
    examples: tuple[str, ...]  # "annotation 17", …
    wrong: bool = True  # False: only worth knowing


class Coco(Dataset):
    """Annotations in COCO's format, as a data set of images without their pixels.

    Every sample is `{"size": (2,) height and width, "boxes": (k, 4) as x, y, width, height, "labels": (k,) category ids}`.

    Args:
        data: path of the JSON file, what it holds as a dict, or a `pycocotools.coco.COCO`.

    Raises:
        SetupError: the file cannot be read, is no JSON (names line and column), or is no COCO file.
    """

    def __init__(self, data: str | os.PathLike | Mapping | Any) -> None:
        self.name, content = _content(data)
        self.troubles: list[Trouble] = []
        images, annotations = self._entries(content, "images"), self._entries(content, "annotations")
        classified = "categories" in content or any("category_id" in a for a in annotations)  # captions have no categories
        categories = self._entries(content, "categories") if classified else []
        self.categories = {int(c["id"]): str(c.get("name", c["id"])) for c in self._with_whole(categories, "id", "categories")}
        images = list(self._with_whole(images, "id", "images"))
        if not images and annotations:
            self._note("annotations", "there are, but no images", [str(len(annotations))])
        self.image_ids = numpy.array([image["id"] for image in images], dtype=numpy.int64)
        self.files = tuple(str(image.get("file_name", "")) for image in images)
        self.sizes = numpy.array([(_number(i.get("height")), _number(i.get("width"))) for i in images]).reshape(-1, 2)  # (n, 2), NaN: unknown
        self._note("images", "have no width and height", [f"image {image['id']}" for image, size in zip(images, self.sizes, strict=True) if not (size > 0).all()], wrong=False)
        self._note("images", "share their id with another", [f"image {number}" for number in _repeated(self.image_ids)])
        self._read(annotations)

    def _read(self, annotations: list[Any]) -> None:
        place = {int(number): index for index, number in enumerate(self.image_ids)}
        kept = [a for a in self._with_whole(annotations, "image_id", "annotations")]
        lost = [a for a in kept if int(a["image_id"]) not in place]
        self._note("annotations", "name an image that does not exist", [f"{_called(a)} (image_id {a['image_id']})" for a in lost])
        kept = [a for a in kept if int(a["image_id"]) in place]
        boxes = [_box(a.get("bbox")) for a in kept]
        self._note("annotations", "have no bbox", [_called(a) for a in kept if not OTHER_KINDS & set(a)])
        self._note("annotations", "have a bbox that is not four finite numbers", [f"{_called(a)}: {a['bbox']!r:.40}" for a, box in zip(kept, boxes, strict=True) if "bbox" in a and box is None])
        unknown = [a for a in kept if "category_id" in a and self.categories and a["category_id"] not in self.categories]
        self._note("annotations", "have a category_id that no category has", [f"{_called(a)} (category_id {a['category_id']})" for a in unknown])
        self._note("annotations", "share their id with another", [f"annotation {number}" for number in _repeated([a["id"] for a in kept if _is_whole(a.get("id"))])])
        whole = [(a, box) for a, box in zip(kept, boxes, strict=True) if box is not None]
        self.annotation_ids = tuple(a.get("id") for a, _ in whole)
        self.boxes = numpy.array([box for _, box in whole], dtype=numpy.float64).reshape(-1, 4)  # (B, 4) x, y, width, height
        self.of_image = numpy.array([place[int(a["image_id"])] for a, _ in whole], dtype=numpy.int64)  # (B,) index of the image
        self.labels = numpy.array([a["category_id"] if _is_whole(a.get("category_id")) else -1 for a, _ in whole], dtype=numpy.int64)
        self.crowd = numpy.array([bool(a.get("iscrowd")) for a, _ in whole], dtype=bool)
        order = numpy.argsort(self.of_image, kind="stable")
        ends = numpy.searchsorted(self.of_image[order], numpy.arange(len(self.image_ids) + 1))
        self._rows = [order[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True)]

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> dict[str, numpy.ndarray]:
        rows = self._rows[index]
        return {"size": self.sizes[index], "boxes": self.boxes[rows], "labels": self.labels[rows]}

    def loader(self, batch_size: int = BATCH) -> DataLoader:
        """Batches of lists, as the number of boxes differs: `({"size": [...]}, {"boxes": [...], "labels": [...]})`."""
        return DataLoader(self, batch_size=batch_size, collate_fn=_together)

    @property
    def about(self) -> str:
        """In a few words."""
        return f"COCO annotations of {len(self):,} images: {len(self.boxes):,} boxes in {len(self.categories):,} categories"

    def _entries(self, content: Mapping, part: str) -> list[Any]:
        entries = content.get(part, [])
        if part not in content:
            self._note(part, "are missing from the file", [f"there is only {', '.join(map(str, list(content)[:5]))}"])
        elif not isinstance(entries, list):
            self._note(part, f"are a {type(entries).__name__}, where a list is expected", [part])
            return []
        self._note(part, "are no objects", [f"entry {i}: {entry!r:.40}" for i, entry in enumerate(entries) if not isinstance(entry, Mapping)])
        return [entry for entry in entries if isinstance(entry, Mapping)]

    def _with_whole(self, entries: list[Any], key: str, part: str) -> Iterator[Any]:
        self._note(part, f"have no whole number as {key}", [f"{_called(e)}: {e.get(key)!r:.40}" for e in entries if not _is_whole(e.get(key))])
        return (entry for entry in entries if _is_whole(entry.get(key)))

    def _note(self, part: str, what: str, where: list[str], *, wrong: bool = True) -> None:
        if where:
            self.troubles.append(Trouble(what, part, len(where), tuple(where[:EXAMPLES]), wrong))


def _content(data: Any) -> tuple[str, Mapping]:
    if isinstance(data, (str, os.PathLike)):
        name, content = str(data), _parsed(Path(data))
    elif isinstance(data, Mapping):
        name, content = "COCO dict", data
    elif isinstance(getattr(data, "dataset", None), Mapping):  # pycocotools.coco.COCO
        name, content = "COCO", data.dataset
    else:
        raise SetupError(f"Coco takes a path, a dict or a pycocotools COCO, got {type(data).__name__}")
    if isinstance(content, list) and content and isinstance(content[0], Mapping) and "score" in content[0]:
        raise SetupError(f"{name} holds detections (a list with scores): pass the file of the annotations")
    if not isinstance(content, Mapping) or not set(PARTS[:2]) & set(content):
        kind = f"the keys {', '.join(map(str, list(content)[:6]))}" if isinstance(content, Mapping) else f"a {type(content).__name__}"
        raise SetupError(f"{name} is no COCO file: it holds {kind}, where images, annotations and categories are expected")
    return name, content


def _parsed(path: Path) -> Any:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise SetupError(f"{path}, line {line}: byte {error.object[error.start]:#04x} is no UTF-8") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20].replace("\n", " ").strip()
        cut = " (the file ends there)" if error.pos >= len(text.rstrip()) else f", near {near!r}"
        raise SetupError(f"{path}, line {error.lineno}, column {error.colno}: {error.msg}{cut}") from error
    except RecursionError as error:
        raise SetupError(f"{path} is nested too deeply to be a COCO file") from error


def _called(entry: Mapping) -> str:
    kind = "annotation" if "image_id" in entry else "image" if "file_name" in entry else "category" if "name" in entry else "entry"
    return f"{kind} {entry.get('id', 'without id')}"


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, numpy.integer)) and not isinstance(value, bool)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")


def _box(value: Any) -> list[float] | None:
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        return None
    numbers = [_number(v) for v in value]
    return numbers if all(numpy.isfinite(numbers)) else None


def _repeated(numbers: Any) -> list[int]:
    values, counts = numpy.unique(numpy.asarray(numbers, dtype=object), return_counts=True) if len(numbers) else ([], numpy.zeros(0))
    return [int(value) for value in numpy.asarray(values)[counts > 1]] if len(numbers) else []


def _together(samples: list[dict[str, numpy.ndarray]]) -> tuple[dict[str, Any], dict[str, Any]]:
    targets = {key: [sample[key] for sample in samples] for key in ("boxes", "labels")}
    return {"size": numpy.stack([sample["size"] for sample in samples])}, targets
