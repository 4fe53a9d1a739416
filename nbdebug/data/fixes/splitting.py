"""The same samples on both sides: a split that keeps equal ones together, by class or by time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy
from torch.utils.data import Subset

from nbdebug.data.fixes.fix import Draft
from nbdebug.data.fixes.sampled import Sampled

FEWEST, SHARE = 2, 0.01  # samples, and share of val, from which ND105 warns
TOGETHER = "df = pd.concat([train_df, val_df], ignore_index=True)"
PLANTED = 5  # equal samples that are added where none was sampled
UNEVEN = 0.1  # by which a class's share may differ between the sides, with enough of it
ENOUGH = 30  # samples of a class on each side, for that


def splitting(sampled: Sampled) -> Iterator[Draft]:
    """A new split of train and val together."""
    if sampled.val is None or sampled.val_field is None:
        return
    look = sampled.answers.get("between")
    if look is None:
        return
    yield from _by_group(sampled, look.groups)
    both = {overlap.how: overlap for overlap in look.overlaps if overlap.significant}
    if "exact" in both:
        yield from _by_content(sampled, both["exact"])
    elif "index" in both:
        yield from _by_index(sampled, both["index"])


def _by_content(sampled: Sampled, overlap: Any) -> Iterator[Draft]:
    """For samples that are the same to the last bit; few of them do little harm."""
    why, few = f"{overlap.count:,} of {overlap.compared:,} val samples are in train, too", overlap.count < FEWEST or overlap.share < SHARE
    share = _share(sampled)
    times = [f.name for f in sampled.train.fields if f.kind == "time"] if sampled.is_table else []
    both = {"given": lambda: _both_frames(sampled), "optional": few}
    if times:
        yield Draft("a split by time, without leakage", why, _by_time(sampled, times[0], share), verify=lambda a, b: _time_verified(times[0], a, b), **both)
    elif sampled.is_table:
        yield Draft("a split without leakage", why, _frame_code(sampled, share), verify=lambda a, b: _frame_verified(sampled, share, a, b), **both)
    elif sampled.field.kind in ("image", "tabular", "tokens", "series"):
        both["given"] = lambda: _both_sides(sampled)
        yield Draft("a split without leakage", why, _dataset_code(sampled, share), verify=lambda a, b: _dataset_verified(share, a, b), **both)


def _by_group(sampled: Sampled, groups: tuple[Any, ...]) -> Iterator[Draft]:
    """For a column such as patient_id whose groups lie on both sides."""
    if not groups or not sampled.is_table:
        return
    column, share = groups[0].column, _share(sampled)
    code = "\n".join([
        "# train_df, val_df: your DataFrames", "import numpy as np", "import pandas as pd", TOGETHER,
        f"groups = np.random.default_rng(0).permutation(df[{column!r}].dropna().unique())",
        f"in_val = df[{column!r}].isin(groups[: round({share} * len(groups))])  # all rows of a group on one side",
        "train_df, val_df = df[~in_val], df[in_val]",
    ])  # fmt: skip

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        sides = [set(after[name][column].dropna()) for name in ("train_df", "val_df")]
        rows = [len(after[name]) for name in ("train_df", "val_df")]
        if sides[0] & sides[1] or sum(rows) != _rows(before) or not all(rows):
            return ""
        return f"{len(sides[0]):,} and {len(sides[1]):,} groups of {column}, none on both sides; {rows[0]:,} and {rows[1]:,} sampled rows"

    why = f"{groups[0].shared:,} of {groups[0].of:,} values of {column} in val are in train, too"
    yield Draft("a split that keeps groups together", why, code, lambda: _both_frames(sampled), verify, optional=True)


def _by_index(sampled: Sampled, overlap: Any) -> Iterator[Draft]:
    """For subsets of one dataset, whose samples augmentation may make look different each time."""
    sides = [sampled.train.dataset, sampled.val.dataset]
    if not all(isinstance(side, Subset) for side in sides) or sides[0].dataset is not sides[1].dataset or overlap.count >= overlap.compared:
        return
    code = "\n".join([
        "# train_dataset, val_dataset: the Subsets of your dataset", "from torch.utils.data import Subset", "taken = set(train_dataset.indices)",
        "val_dataset = Subset(val_dataset.dataset, [i for i in val_dataset.indices if i not in taken])",
    ])  # fmt: skip

    def given() -> dict[str, Any]:
        return {"train_dataset": Subset(None, list(sides[0].indices)), "val_dataset": Subset(None, list(sides[1].indices))}

    def verify(before: dict[str, Any], after: dict[str, Any]) -> str:
        left, had = set(map(int, after["val_dataset"].indices)), set(map(int, before["val_dataset"].indices))
        train = set(map(int, after["train_dataset"].indices))
        return f"{len(had):,} indices of val, {len(left):,} are left, none of them in train" if left == had - train and left else ""

    yield Draft("a validation set without training samples", f"{overlap.count:,} indices of val are in train, too", code, given, verify)


def _share(sampled: Sampled) -> float:
    """Of val, in all."""
    train, val = (split.total or split.samples for split in (sampled.train, sampled.val))
    return max(0.05, min(0.5, round(val / max(1, train + val), 2)))


def _is_classes(sampled: Sampled) -> bool:
    target = sampled.target
    return target is not None and target.kind == "classes" and numpy.ndim(target.sample) == 1


def _frame_code(sampled: Sampled, share: float) -> str:
    target = sampled.target
    drop = f".drop(columns={[target.name]!r})" if target is not None else ""
    lines = [
        "# train_df, val_df: your DataFrames", "import numpy as np", "import pandas as pd", TOGETHER,
        f"group = pd.util.hash_pandas_object(df{drop}, index=False).to_numpy()  # equal inputs, one group",
        "random, in_val = np.random.default_rng(0), np.zeros(len(df), bool)",
    ]  # fmt: skip
    if _is_classes(sampled):
        lines += [
            f"for rows in df.groupby({target.name!r}).indices.values():  # each class by itself",
            "    groups = random.permutation(np.unique(group[rows]))",
            f"    in_val |= np.isin(group, groups[: round({share} * len(groups))])",
        ]
    else:
        lines += ["groups = random.permutation(np.unique(group))", f"in_val = np.isin(group, groups[: round({share} * len(groups))])"]
    return "\n".join([*lines, "train_df, val_df = df[~in_val], df[in_val]"])


def _by_time(sampled: Sampled, time: str, share: float) -> str:
    target = sampled.target
    inputs = f"df.columns.drop({target.name!r})" if target is not None else "df.columns"
    return "\n".join([
        "# train_df, val_df: your DataFrames", "import pandas as pd", TOGETHER,
        f"df = df.drop_duplicates(subset=list({inputs})).sort_values({time!r})",
        f"cut = df[{time!r}].iloc[int({1 - share:.2f} * len(df))]",
        f"train_df, val_df = df[df[{time!r}] < cut], df[df[{time!r}] >= cut]  # what comes later is held out",
    ])  # fmt: skip


def _dataset_code(sampled: Sampled, share: float) -> str:
    lines = [
        "# train_dataset, val_dataset: your datasets, whose samples are (input, " + ("label)" if _is_classes(sampled) else "…)"), "import numpy as np",
        "from torch.utils.data import ConcatDataset, Subset", "dataset, first, group, label = ConcatDataset([train_dataset, val_dataset]), {}, [], []", "for i in range(len(dataset)):",
        "    x, y = dataset[i][:2]" if sampled.target is not None else "    x, y = dataset[i][0], 0",
        "    group.append(first.setdefault(np.asarray(x).tobytes(), i))  # equal inputs, one group",
        f"    label.append({'int(y)' if _is_classes(sampled) else '0'})",
        "group, label, random = np.array(group), np.array(label), np.random.default_rng(0)",
        "ids = [random.permutation(np.unique(group[label == c])) for c in np.unique(label)]" + ("  # each class by itself" if _is_classes(sampled) else ""),
        f"in_val = np.isin(group, np.concatenate([g[: round({share} * len(g))] for g in ids]))",
        "train_dataset, val_dataset = (Subset(dataset, np.flatnonzero(side).tolist()) for side in (~in_val, in_val))",
    ]  # fmt: skip
    return "\n".join(lines)


def _both_frames(sampled: Sampled) -> dict[str, Any]:
    import pandas

    frames = sampled.frames()
    planted = pandas.concat([frames["val_df"], frames["train_df"].head(PLANTED)], ignore_index=True)
    return {"train_df": frames["train_df"], "val_df": planted}


def _rows(before: dict[str, Any]) -> int:
    return len(before["train_df"]) + len(before["val_df"])


def _both_sides(sampled: Sampled) -> dict[str, Any]:
    names, found = sampled.tensors(), {}
    for word in sampled.words:
        inputs = names[f"{word}_inputs"]
        labels = names.get(f"{word}_targets", [0] * len(inputs))
        found[f"{word}_dataset"] = list(zip(inputs, labels, strict=True))
    return found | {"val_dataset": found["val_dataset"] + found["train_dataset"][:PLANTED]}


def _frame_verified(sampled: Sampled, share: float, before: dict[str, Any], after: dict[str, Any]) -> str:
    import pandas

    target = sampled.target.name if sampled.target is not None else None
    sides = (after["train_df"], after["val_df"])
    keys = [pandas.util.hash_pandas_object(side.drop(columns=[target] if target else []), index=False).to_numpy() for side in sides]
    labels = [list(side[target]) if _is_classes(sampled) else [0] * len(side) for side in sides]
    return _no_leak(share, _rows(before), keys, labels)


def _dataset_verified(share: float, before: dict[str, Any], after: dict[str, Any]) -> str:
    sides = (after["train_dataset"], after["val_dataset"])
    keys = [numpy.array([hash(numpy.asarray(side[i][0]).tobytes()) for i in range(len(side))]) for side in sides]
    return _no_leak(share, len(after["dataset"]), keys, [[after["label"][i] for i in side.indices] for side in sides])


def _no_leak(share: float, total: int, keys: list[numpy.ndarray], labels: list[list[Any]]) -> str:
    sizes = [len(side) for side in keys]
    if sum(sizes) != total or not sizes[0] or not sizes[1] or numpy.isin(keys[1], keys[0]).any() or abs(sizes[1] / total - share) > 2 * UNEVEN:
        return ""
    apart = 0.0
    for label in set(labels[0]) | set(labels[1]):
        counts = [side.count(label) for side in labels]
        if min(sizes) >= ENOUGH and max(counts) >= ENOUGH:
            apart = max(apart, abs(counts[0] / sizes[0] - counts[1] / sizes[1]))
    if apart > UNEVEN:
        return ""
    classes = f"; class shares differ by at most {apart:.1%}" if len(set(labels[0])) > 1 else ""
    return f"{total:,} sampled rows, {PLANTED} of them repeated on purpose: {sizes[0]:,} and {sizes[1]:,}, none on both sides{classes}"


def _time_verified(time: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    train, val = after["train_df"][time], after["val_df"][time]
    if not len(train) or not len(val) or not train.max() < val.min():
        return ""
    return f"{len(train):,} and {len(val):,} of {_rows(before):,} sampled rows; train ends {train.max()}, val begins {val.min()}"

