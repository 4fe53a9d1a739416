"""Samples that hold nothing: a data set without them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled
from nbdebug.data.split import Split

EMPTY = ("constant", "empty", "no image")  # what the look at the structure calls them
MOST = 0.05  # of all samples; more is no accident


def omitting(sampled: Sampled) -> Iterator[Draft]:
    """For each of train and val in which the look at the structure names such samples, all of them by their index."""
    look = sampled.answers.get("structure")
    for word, split in (("train", sampled.train), ("val", sampled.val)):
        if split is None or not split.by_index or split.total is None or look is None:
            continue
        found = [odd for odd in look.odd if odd.split == split.name and odd.kind in EMPTY and odd.alone]
        ids = sorted({number for odd in found for number in odd.ids})
        if ids and len(ids) == sum(odd.count for odd in found) <= MOST * split.total:
            optional = not any(odd.labels is not None and odd.labels > 1 for odd in found)
            draft = _without_files if hasattr(split.dataset, "paths") and hasattr(split.dataset, "root") else _without
            yield draft(f"{word}_dataset", split, ids, "; ".join(odd.what for odd in found), optional=optional)


def _without_files(name: str, split: Split, ids: list[int], why: str, *, optional: bool) -> Draft:
    """The same of a folder, whose files are known by their paths."""
    root = Path(split.dataset.root)
    paths = [Path(path) for path in split.dataset.paths]
    gone = sorted(path.relative_to(root).as_posix() for path in (paths[i] for i in ids))
    code = "\n".join([
        "# files: what is left of the folder", "from pathlib import Path", f"root, left_out = Path({str(root)!r}), {gone!r}",
        'files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.relative_to(root).as_posix() not in left_out]',
    ])  # fmt: skip

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        left, wanted = set(after["files"]), {path for place, path in enumerate(paths) if place not in set(ids)}
        return f"{len(ids):,} of {len(paths):,} images gone, none of the others" if wanted <= left and not {paths[i] for i in ids} & left else ""

    return Draft(f"leave out samples that hold nothing ({name.removesuffix('_dataset')})", why, code, dict, verify, optional)


def _without(name: str, split: Split, ids: list[int], why: str, *, optional: bool) -> Draft:
    code = "\n".join([
        f"# {name}: your dataset, in the order in which it was audited", "from torch.utils.data import Subset", f"left_out = {set(ids)!r}",
        f"{name} = Subset({name}, [i for i in range(len({name})) if i not in left_out])",
    ])  # fmt: skip

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        kept = [after[name][i] for i in range(len(after[name]))]
        if set(kept) & set(ids) or len(kept) != split.total - len(ids):
            return ""
        return f"{len(ids):,} of {split.total:,} samples gone, none of the others"

    title = f"leave out samples that hold nothing ({name.removesuffix('_dataset')})"
    return Draft(title, why, code, lambda: {name: list(range(split.total))}, verify, optional)
