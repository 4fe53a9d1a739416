"""What is offered to paste does what it says: it is run as a user would run it, and the trouble is gone."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import numpy
import pandas
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import nbdebug
from nbdebug.data.between import between
from nbdebug.data.classes import classes
from nbdebug.data.context import Context
from nbdebug.data.features import features
from nbdebug.data.fixes import Fix, FixLook, fixes
from nbdebug.data.fixes.fix import Draft, tried
from nbdebug.data.fixes.spreading import skew_of
from nbdebug.data.gathering import Gather
from nbdebug.data.sources import as_source
from nbdebug.data.split import Split
from nbdebug.data.structure import structure
from nbdebug.loading import read
from nbdebug.page import Note
from nbdebug.plain import from_plain, to_plain


def offered(data: Any, val: Any = None, target: str | None = None) -> dict[str, Fix]:
    """The fixes by title, as an audit finds them; only the questions that they read are asked."""
    setup = data if isinstance(data, nbdebug.TrainingSetup) else None
    train = read_through(data if setup is None else setup.train_loader, "data", target, setup)
    other = read_through(val, "val", target, setup) if val is not None else None
    context = Context(setup, None, True)
    answers = {question.__name__: question(train, other, context) for question in (features, between, structure, classes)}
    return {fix.title: fix for fix in fixes(train, other, context, answers).fixes}


def read_through(data: Any, name: str, target: str | None, setup: Any) -> Split:
    source = as_source(data, name, target=target)
    gather = Gather(source, setup.model if setup is not None else None)
    for one in read(source.loader):
        gather.take(one)
    gather.whole = True
    return gather.split()


def pasted(fix: Fix, **names: Any) -> dict[str, Any]:
    """What a user's notebook holds after the piece was run in it."""
    assert fix.checked and fix.why and len(fix.code.splitlines()) <= 12
    first = fix.code.splitlines()[0]
    assert first.startswith("#") and all(name in fix.code for name in names)
    exec(fix.code, names)
    return names


def loader(*tensors: torch.Tensor, shuffle: bool = True) -> DataLoader:
    return DataLoader(TensorDataset(*tensors), batch_size=32, shuffle=shuffle)


@pytest.fixture
def frame() -> pandas.DataFrame:
    return load_breast_cancer(as_frame=True).frame.sample(frac=1, random_state=0, ignore_index=True)


def halves(frame: pandas.DataFrame) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    return frame[:400].copy(), frame[400:].copy()


# missing values


def test_missing_numbers_and_words_get_the_training_part_s_median_and_mode(frame: pandas.DataFrame) -> None:
    random = numpy.random.default_rng(0)
    frame["mean area"] = frame["mean area"].where(random.random(len(frame)) > 0.1)
    frame["deck"] = pandas.Series(random.choice(["a", "b", "b"], len(frame)).astype(object)).where(random.random(len(frame)) > 0.05)
    train, val = halves(frame)
    fix = offered(train, val, target="target")["fill in missing values"]
    after = pasted(fix, train_df=train, val_df=val)
    for word, before in (("train_df", train), ("val_df", val)):
        now = after[word]
        assert not now.isna().any().any()
        assert (now["mean area"][before["mean area"].isna()] == train["mean area"].median()).all()
        pandas.testing.assert_frame_equal(now.drop(columns=["mean area", "deck"]), before.drop(columns=["mean area", "deck"]))
    assert (after["train_df"]["deck"][train["deck"].isna()] == "b").all()
    assert "fill in missing values" not in offered(after["train_df"], after["val_df"], target="target")


def test_missing_and_infinite_values_of_tensors_are_filled(frame: pandas.DataFrame) -> None:
    x = torch.tensor(frame.drop(columns="target").to_numpy(), dtype=torch.float32)
    x[torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.02] = float("nan")
    x[5, 3] = float("inf")
    y = torch.tensor(frame["target"].to_numpy())
    after = pasted(offered(loader(x[:400], y[:400]), loader(x[400:], y[400:]))["fill in missing values"], train_inputs=x[:400], val_inputs=x[400:])
    filled = torch.cat([after["train_inputs"], after["val_inputs"]])
    assert filled.isfinite().all() and torch.equal(filled[x.isfinite()], x[x.isfinite()])
    assert after["train_inputs"][5, 3] == x[:400, 3][x[:400, 3].isfinite()].median()
    assert "fill in missing values" not in offered(loader(after["train_inputs"], y[:400]))


def test_rows_without_a_target_are_left_out(frame: pandas.DataFrame) -> None:
    frame["target"] = frame["target"].map({0: "b", 1: "m"}).astype(object)
    frame.loc[:6, "target"] = None
    fix = offered(frame, target="target")["leave out rows without a target"]
    assert len(pasted(fix, train_df=frame)["train_df"]) == len(frame) - 7


def test_a_number_that_stands_for_none_becomes_the_median(frame: pandas.DataFrame) -> None:
    hit = numpy.random.default_rng(0).random(len(frame)) < 0.1
    frame.loc[hit, "mean radius"] = -999.0
    train, val = halves(frame)
    fix = offered(train, val, target="target")["numbers that stand for missing ones"]
    after = pasted(fix, train_df=train, val_df=val)
    known = train["mean radius"][train["mean radius"] > 0]
    assert set(after["val_df"]["mean radius"][hit[400:]]) == {known.median()}
    assert "numbers that stand for missing ones" not in offered(after["train_df"], after["val_df"], target="target")
    x = torch.tensor(frame.drop(columns="target").to_numpy(), dtype=torch.float32)
    tensors = pasted(offered(loader(x))["numbers that stand for missing ones"], train_inputs=x)
    assert tensors["train_inputs"].min() >= 0 and torch.equal(tensors["train_inputs"][:, 1:], x[:, 1:])


def test_numbers_that_came_as_text_are_numbers_again(frame: pandas.DataFrame) -> None:
    frame["price"] = [f"{1000 + 7 * i:,}" if i % 20 else "n/a" for i in range(len(frame))]
    fix = offered(frame, target="target")["numbers that came as text"]
    after = pasted(fix, train_df=frame)["train_df"]
    assert after["price"].isna().sum() == sum(i % 20 == 0 for i in range(len(frame)))
    assert after["price"].dropna().tolist() == [1000.0 + 7 * i for i in range(len(frame)) if i % 20]
    frame["price"] = [f"{1000 + 7 * i:,}" for i in range(len(frame))]
    assert pasted(offered(frame, target="target")["numbers that came as text"], train_df=frame)["train_df"]["price"].max() == 1000 + 7 * 568


# columns


def test_what_gives_the_target_away_is_dropped(frame: pandas.DataFrame) -> None:
    frame = frame[["mean smoothness", "mean symmetry", "smoothness error", "target"]].assign(outcome_code=frame["target"] * 3 + 1)
    fix = offered(frame, target="target")["drop what gives the target away"]
    after = pasted(fix, train_df=frame)["train_df"]
    assert list(after.columns) == ["mean smoothness", "mean symmetry", "smoothness error", "target"]
    assert "drop what gives the target away" not in offered(after, target="target")


def test_a_transform_brings_the_skew_down(frame: pandas.DataFrame) -> None:
    frame["income"] = numpy.exp(2 * numpy.random.default_rng(0).standard_normal(len(frame)))
    frame["visits"] = numpy.floor(frame["income"] * 20)
    train, val = halves(frame)
    fix = offered(train, val, target="target")["a transform for skewed columns"]
    after = pasted(fix, train_df=train, val_df=val)["train_df"]
    assert skew_of(train["income"].to_numpy()) > 5
    assert abs(skew_of(after["income"].to_numpy())) < 0.5
    assert "np.log(" in fix.code and "np.log1p(" in fix.code  # visits holds zeros
    assert "a transform for skewed columns" not in offered(after, target="target")


def test_box_and_cox_bend_what_a_logarithm_does_not() -> None:
    random = numpy.random.default_rng(0)
    frame = pandas.DataFrame({"power": (random.gamma(0.15, 1, 4000) + 1e-12), "other": random.standard_normal(4000)})
    fix = offered(frame)["a transform for skewed columns"]
    after = pasted(fix, train_df=frame)["train_df"]
    assert "**" in fix.code and abs(skew_of(numpy.log(frame["power"]).to_numpy())) > 1
    assert abs(skew_of(after["power"].to_numpy())) < 1


def test_a_value_far_out_is_clipped_and_no_other(frame: pandas.DataFrame) -> None:
    frame["far"] = numpy.random.default_rng(0).standard_normal(len(frame))
    frame.loc[3, "far"] = 1e6
    fix = offered(frame, target="target")["clip what lies far out"]
    after = pasted(fix, train_df=frame)["train_df"]
    assert after["far"].max() < 10
    assert (after["far"].drop(3) == frame["far"].drop(3)).all()
    assert "clip what lies far out" not in offered(after, target="target")


def test_columns_that_carry_nothing_go(frame: pandas.DataFrame) -> None:
    frame["same"], frame["again"] = 1.0, frame["mean area"]
    fix = offered(frame, target="target")["drop constant and repeated columns"]
    assert fix.optional
    after = pasted(fix, train_df=frame)["train_df"]
    assert "same" not in after and "again" not in after and after.shape[1] == 31


def test_columns_without_a_value_go(frame: pandas.DataFrame) -> None:
    frame["nothing"] = numpy.nan
    assert "nothing" not in pasted(offered(frame, target="target")["drop empty columns"], train_df=frame)["train_df"]


def test_columns_whose_names_are_numbers_keep_them() -> None:
    frame = pandas.DataFrame(numpy.random.default_rng(0).standard_normal((100, 3)))
    frame.loc[4, 1] = numpy.nan
    after = pasted(offered(frame)["fill in missing values"], train_df=frame)
    assert not after["train_df"].isna().any().any()


# scale


@pytest.mark.parametrize("load", [load_iris, load_wine])
def test_the_constants_bring_mean_and_spread_to_0_and_1(load: Any) -> None:
    frame = load(as_frame=True).frame
    fix = offered(frame, target="target")["normalisation constants"]
    assert fix.optional
    after = pasted(fix, train_df=frame)["train_df"].drop(columns="target")
    assert after.mean().abs().max() < 0.01 and (after.std() - 1).abs().max() < 0.01


def test_pixels_get_constants_by_channel() -> None:
    pixels = torch.randint(0, 256, (96, 3, 48, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels[:, 1] //= 4
    fix = offered(loader(pixels, torch.arange(96) % 3))["normalisation constants"]
    images = pasted(fix, images=pixels)["images"]
    assert images.mean((0, 2, 3)).abs().max() < 0.01 and (images.std((0, 2, 3)) - 1).abs().max() < 0.01
    assert "/ 255" in fix.code and "normalisation constants" not in offered(loader(images, torch.arange(96) % 3))


def test_images_of_their_own_sizes_get_constants_too() -> None:
    random = torch.Generator().manual_seed(0)
    images = [torch.rand(3, 20 + i % 7, 30 - i % 5, generator=random) for i in range(60)]
    data = DataLoader(list(zip(images, range(60), strict=True)), 30, collate_fn=lambda rows: ([x for x, _ in rows], torch.tensor([y % 3 for _, y in rows])))
    fix = offered(data)["normalisation constants"]
    assert abs(pasted(fix, images=images[0])["images"].mean()) < 0.1


@pytest.mark.parametrize("code, spoil", [("val_inputs / 255", lambda x: x * 255), ("val_inputs.flip(-3)", lambda x: x.flip(1)), ("val_inputs * 255", lambda x: x / 255)])
def test_val_is_prepared_as_train_is(code: str, spoil: Any) -> None:
    random = torch.Generator().manual_seed(0)
    images = torch.rand(160, 3, 16, 16, generator=random) * torch.tensor([1.0, 0.7, 0.3]).view(3, 1, 1)
    if code.endswith("* 255"):
        images = images * 255
    labels = torch.arange(160) % 4
    val = spoil(images[100:])
    fix = offered(loader(images[:100], labels[:100]), loader(val, labels[100:]))["prepare val as train is prepared"]
    assert code in fix.code
    assert torch.allclose(pasted(fix, val_inputs=val)["val_inputs"], images[100:], rtol=1e-5)


# classes


def uneven(rare: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.tensor([0] * 400 + [1] * 100 + [2] * rare)
    return torch.randn(len(labels), 8, generator=torch.Generator().manual_seed(0)), labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(1))]


def test_class_weights_are_inverse_to_frequency() -> None:
    inputs, labels = uneven()
    loss_fn = pasted(offered(loader(inputs, labels))["class weights for the loss"])["loss_fn"]
    torch.testing.assert_close(loss_fn.weight, torch.tensor([512 / 1200, 512 / 300, 512 / 36]), rtol=1e-3, atol=0.0)
    setup = nbdebug.TrainingSetup(nn.Linear(8, 3), loss_fn, train_loader=loader(inputs, labels))
    assert "class weights for the loss" not in offered(setup)
    unmended = nbdebug.TrainingSetup(nn.Linear(8, 3), nn.CrossEntropyLoss(), train_loader=loader(inputs, labels))
    codes = [{finding.code for finding in nbdebug.data_audit(of).findings} for of in (unmended, setup)]
    assert "ND107" in codes[0] and "ND107" not in codes[1]


def test_uneven_classes_are_a_mend_only_where_a_loss_is_known() -> None:
    inputs, labels = uneven()
    setup = nbdebug.TrainingSetup(nn.Linear(8, 3), nn.CrossEntropyLoss(), train_loader=loader(inputs, labels))
    assert offered(loader(inputs, labels))["class weights for the loss"].optional
    assert not offered(setup)["class weights for the loss"].optional


def test_two_classes_get_a_weight_for_one_output_and_for_two() -> None:
    inputs, labels = torch.randn(520, 8, generator=torch.Generator().manual_seed(0)), (torch.arange(520) % 26 == 0).long()
    after = pasted(offered(loader(inputs, labels))["class weights for the loss"])
    assert after["loss_fn"].pos_weight == 25
    assert after["two_outputs"].weight.tolist() == pytest.approx([0.52, 13.0])


def test_a_sampler_evens_the_classes_out() -> None:
    inputs, labels = uneven()
    fix = offered(loader(inputs, labels))["a sampler that draws the classes evenly"]
    torch.manual_seed(0)
    even = pasted(fix, train_dataset=TensorDataset(inputs, labels))["train_loader"]
    assert even.batch_size == 32
    drawn = torch.bincount(torch.cat([y for _, y in even]))
    assert drawn.min() > 0.25 * drawn.sum()
    assert "a sampler that draws the classes evenly" not in offered(even)


def test_a_sampler_of_words_in_a_frame() -> None:
    inputs, labels = uneven()
    frame = pandas.DataFrame(inputs.numpy()).rename(columns=str).assign(kind=[["cat", "dog", "<b>owl"][y] for y in labels])
    even = pasted(offered(frame, target="kind")["a sampler that draws the classes evenly"], train_df=frame)
    assert len(even["weights"]) == len(frame)


def test_labels_from_1_on_are_mapped(frame: pandas.DataFrame) -> None:
    x, y = torch.tensor(frame.drop(columns="target").to_numpy(), dtype=torch.float32), torch.tensor(frame["target"].to_numpy()) + 1
    after = pasted(offered(loader(x, y))["class indices from 0 on"], train_targets=y)
    assert torch.equal(after["train_targets"], y - 1) and after["classes"] == 2
    assert "class indices from 0 on" not in offered(loader(x, after["train_targets"]))


def test_a_class_of_two_spellings_gets_one(frame: pandas.DataFrame) -> None:
    frame["target"] = ["benign" if y else "malignant" for y in frame["target"]]
    train, val = halves(frame)
    val["target"] = val["target"].str.capitalize() + " "
    fix = offered(train, val, target="target")["one spelling for each class"]
    after = pasted(fix, train_df=train, val_df=val)
    assert set(after["val_df"]["target"]) == set(after["train_df"]["target"]) == {"benign", "malignant"}
    assert "one spelling for each class" not in offered(after["train_df"], after["val_df"], target="target")
    symbols = frame.assign(target=["CO", "Co"] * 284 + ["CO"])
    assert "one spelling for each class" not in offered(symbols, target="target")


# the same samples on both sides


@pytest.mark.parametrize("make", [lambda f: f, lambda f: f.assign(target=f["target"] + 0.5)])
def test_a_frame_is_split_again_without_leakage(frame: pandas.DataFrame, make: Any) -> None:
    frame = make(frame)
    train, val = frame[:450], pandas.concat([frame[450:], frame[:40]])
    fix = offered(train, val, target="target")["a split without leakage"]
    after = pasted(fix, train_df=train, val_df=val)
    keys = [set(map(tuple, after[word].drop(columns="target").to_numpy())) for word in ("train_df", "val_df")]
    assert not keys[0] & keys[1] and sum(map(len, keys)) == 569
    assert "a split without leakage" not in offered(after["train_df"], after["val_df"], target="target")


def test_images_are_split_again_without_leakage() -> None:
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    train, val = TensorDataset(x[:900], y[:900]), TensorDataset(x[800:1100], y[800:1100])
    fix = offered(train, val)["a split without leakage"]
    after = pasted(fix, train_dataset=train, val_dataset=val)
    sides = [{x.numpy().tobytes() for x, _ in after[word]} for word in ("train_dataset", "val_dataset")]
    assert not sides[0] & sides[1] and sum(map(len, sides)) == 1100
    assert "a split without leakage" not in offered(after["train_dataset"], after["val_dataset"])


def test_where_there_is_a_time_what_comes_later_is_held_out(frame: pandas.DataFrame) -> None:
    frame["day"] = pandas.date_range("2024-01-01", periods=len(frame))
    train, val = frame.sample(400, random_state=0), frame.sample(150, random_state=1)
    fix = offered(train, val, target="target")["a split by time, without leakage"]
    after = pasted(fix, train_df=train, val_df=val)
    assert after["train_df"]["day"].max() < after["val_df"]["day"].min()


def test_a_table_whose_few_values_repeat_by_nature_is_left_alone() -> None:
    random = numpy.random.default_rng(0)
    frame = pandas.DataFrame(random.integers(0, 4, (600, 3)).astype(float), columns=list("abc")).assign(y=random.integers(0, 2, 600))
    assert not {title for title in offered(frame[:400], frame[400:], target="y") if "leakage" in title}


def test_val_loses_the_indices_that_train_has() -> None:
    class Augmented(TensorDataset):
        def __getitem__(self, index: Any) -> Any:
            x, y = super().__getitem__(index)
            return x + 0.01 * torch.randn(x.shape), y

    inputs, labels = torch.randn(300, 8, generator=torch.Generator().manual_seed(0)), torch.arange(300) % 3
    every = Augmented(inputs, labels)
    train, val = Subset(every, range(240)), Subset(every, range(200, 300))
    fix = offered(train, val)["a validation set without training samples"]
    after = pasted(fix, train_dataset=train, val_dataset=val)["val_dataset"]
    assert list(after.indices) == list(range(240, 300))


def test_groups_stay_together(frame: pandas.DataFrame) -> None:
    frame["patient_id"] = numpy.arange(len(frame)) // 4
    frame = frame.sample(frac=1, random_state=1)
    train, val = frame[:400], frame[400:]
    fix = offered(train, val, target="target")["a split that keeps groups together"]
    after = pasted(fix, train_df=train, val_df=val)
    assert not set(after["train_df"]["patient_id"]) & set(after["val_df"]["patient_id"])
    assert 100 < len(after["val_df"]) < 240


# tokens


def test_an_embedding_gets_a_row_for_every_token() -> None:
    tokens = torch.randint(0, 50, (128, 12), generator=torch.Generator().manual_seed(0))
    model = nn.Sequential(nn.Embedding(40, 8), nn.Flatten(), nn.Linear(96, 2))
    setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), train_loader=loader(tokens, tokens[:, 0] % 2))
    embedding = pasted(offered(setup)["an embedding for the whole vocabulary"])["embedding"]
    assert embedding.num_embeddings == 50 and embedding.embedding_dim == 8


class NextToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 8), nn.Linear(8, 50)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(tokens))


def test_padding_is_left_out_of_the_loss() -> None:
    random = torch.Generator().manual_seed(0)
    tokens = torch.randint(1, 50, (128, 13), generator=random)
    tokens[torch.arange(13) >= torch.randint(4, 12, (128, 1), generator=random)] = 0
    inputs, targets = tokens[:, :-1], tokens[:, 1:]

    def loss_fn(scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(scores.flatten(0, 1), targets.flatten())

    def setup(targets: torch.Tensor) -> nbdebug.TrainingSetup:
        return nbdebug.TrainingSetup(NextToken(), loss_fn, train_loader=loader(inputs, targets))

    assert "ND113" in {finding.code for finding in nbdebug.data_audit(setup(targets)).findings}
    mended = pasted(offered(setup(targets))["leave the padding out of the loss"], inputs=inputs, targets=targets)["targets"]
    assert torch.equal(mended == -100, inputs == 0)
    assert "leave the padding out of the loss" not in offered(setup(mended))
    assert "ND113" not in {finding.code for finding in nbdebug.data_audit(setup(mended)).findings}


def test_padding_that_no_batch_needs_is_cut() -> None:
    tokens = torch.randint(1, 50, (128, 60), generator=torch.Generator().manual_seed(0))
    tokens[torch.arange(60) >= torch.randint(4, 12, (128, 1), generator=torch.Generator().manual_seed(1))] = 0
    fix = offered(loader(tokens, tokens[:, 0] % 2))["pad only as far as a batch needs"]
    assert fix.optional
    assert pasted(fix, input_ids=tokens)["input_ids"].shape == (128, 11)


# samples that hold nothing


def test_black_images_are_left_out() -> None:
    images = torch.rand(200, 1, 12, 12, generator=torch.Generator().manual_seed(0))
    images[[17, 40, 91]] = 0
    data = TensorDataset(images, torch.arange(200) % 4)
    fix = offered(data)["leave out samples that hold nothing (train)"]
    after = pasted(fix, train_dataset=data)["train_dataset"]
    assert len(after) == 197 and all(image.any() for image, _ in after)
    assert "leave out samples that hold nothing (train)" not in offered(after)


# what is offered, and what is not


def sound() -> dict[str, dict[str, Any]]:
    digits = load_digits()
    x, y = torch.tensor(digits.data / 16, dtype=torch.float32), torch.tensor(digits.target)
    tables = {load.__name__: load(as_frame=True).frame.sample(frac=1, random_state=0) for load in (load_iris, load_wine, load_breast_cancer, load_diabetes)}
    cases = {name: {"data": table[: len(table) * 3 // 4], "val": table[len(table) * 3 // 4 :], "target": "target"} for name, table in tables.items()}
    cases["digits"] = {"data": loader(x[:1300], y[:1300]), "val": loader(x[1300:], y[1300:])}
    cases["digits, as images"] = {"data": loader(x[:1300].view(-1, 1, 8, 8), y[:1300]), "val": loader(x[1300:].view(-1, 1, 8, 8), y[1300:])}
    cases["an autoencoder"] = {"data": loader((x - x.mean(0)) / x.std(0).clamp(min=1e-6))}
    return cases


@pytest.mark.parametrize("name", sound())
def test_sound_data_needs_no_mend(name: str) -> None:
    case = sound()[name]
    assert [fix.title for fix in offered(case.pop("data"), **case).values() if not fix.optional] == []


def test_a_checkup_has_no_time_for_it() -> None:
    inputs, labels = uneven()
    assert nbdebug.data_audit(loader(inputs, labels), batches=8).result.fixes == FixLook()


def test_what_fails_its_own_trial_is_not_shown() -> None:
    def draft(code: str, checked: str) -> Draft:
        return Draft("", "", code, lambda: {"x": 1}, lambda before, after: checked if after["x"] == before["x"] + 1 else "")

    assert tried(draft("x = x + 1", "it grew")).checked == "it grew"
    assert tried(draft("x = x + 2", "it grew")) is None
    assert tried(draft("x = y", "it grew")) is None
    assert tried(draft("x = ", "it grew")) is None


def test_nothing_of_the_user_s_is_moved() -> None:
    inputs, labels = uneven()
    inputs[3, 2] = float("nan")
    kept, state, numpys = inputs.clone(), torch.get_rng_state(), numpy.random.get_state()[1].copy()
    assert len(nbdebug.data_audit(loader(inputs, labels, shuffle=False)).result.fixes.fixes) >= 3
    assert torch.equal(inputs.nan_to_num(), kept.nan_to_num()) and torch.equal(torch.get_rng_state(), state)
    assert (numpy.random.get_state()[1] == numpys).all()


def test_names_of_columns_and_classes_are_only_ever_text() -> None:
    evil = "x\"]); raise SystemExit('run')  #'"
    frame = pandas.DataFrame({evil: [1.0, numpy.nan] * 50, "y": ["<b>", evil] * 50})
    found = offered(frame, target="y")
    assert not pasted(found["fill in missing values"], train_df=frame)["train_df"].isna().any().any()
    assert pasted(found["class indices from 0 on"], train_df=frame)["train_df"]["y"].tolist() == [0, 1] * 50


def test_the_look_is_plain_and_shows_each_piece_as_code() -> None:
    inputs, labels = uneven()
    report = nbdebug.data_audit(loader(inputs, labels))
    look = report.result.fixes
    assert report.result.unanswered == {} and report.proof.changes == ()
    assert from_plain(FixLook, json.loads(json.dumps(to_plain(look)))) == look
    notes = look.panels()
    assert len(notes) == len(look.fixes) >= 2 and all(isinstance(note, Note) and note.kind == "code" for note in notes)
    assert look.fixes[0].code in notes[0].text and look.fixes[0].checked in notes[0].text


def test_all_pieces_can_be_pasted_one_after_the_other(frame: pandas.DataFrame) -> None:
    frame["mean area"] = frame["mean area"].where(numpy.random.default_rng(0).random(len(frame)) > 0.1)
    frame["same"], frame["far"] = 1.0, numpy.random.default_rng(0).standard_normal(len(frame))
    frame.loc[3, "far"] = 1e6
    train, val = frame[:450], pandas.concat([frame[450:], frame[:40]])
    found = offered(train, val, target="target")
    names = {"train_df": train, "val_df": val}
    for fix in found.values():
        exec(fix.code, names)
    again = offered(names["train_df"], names["val_df"], target="target")
    assert {fix.title for fix in found.values() if not fix.optional} >= {"a split without leakage", "fill in missing values", "clip what lies far out"}
    assert [fix.title for fix in again.values() if not fix.optional] == []


def people(rows: int = 2000, seed: int = 0) -> pandas.DataFrame:
    """Age, income, height, a city, and two classes that lean on the first two."""
    random = numpy.random.default_rng(seed)
    age, income = random.integers(18, 80, rows).astype(float), random.lognormal(10, 0.4, rows)
    frame = pandas.DataFrame({"age": age, "income": income, "height": random.normal(170, 9, rows), "city": random.choice(list("ABCD"), rows)})
    return frame.assign(y=((age - 48) / 18 + 2 * (numpy.log(income) - 10) + random.normal(0, 0.3, rows) > 0).astype(int))


def sick(frame: pandas.DataFrame) -> pandas.DataFrame:
    """A stand-in, a column that gives the target away, one without a value, one with a single value."""
    return frame.assign(leak=frame["y"] * 3 + 1.0, same=1.0, empty=numpy.nan, age=frame["age"].where(frame.index % 9 > 0, -999.0))


def test_what_is_normalised_is_what_the_mends_before_it_leave() -> None:
    train, val = sick(people()), sick(people(600, 1))
    found = offered(train, val, target="y")
    assert list(found)[-1] == "normalisation constants" and {"drop what gives the target away", "drop empty columns", "numbers that stand for missing ones"} <= set(found)
    names = {"train_df": train, "val_df": val}
    for fix in found.values():
        exec(fix.code, names)
    numbers = names["train_df"][["age", "income", "height"]]
    assert numbers.mean().abs().max() < 1e-9 and (numbers.std() - 1).abs().max() < 1e-9
    assert list(names["val_df"]) == ["age", "income", "height", "city", "y"]


def test_columns_of_tensors_are_counted_anew_where_one_is_gone() -> None:
    frame = people()
    x = torch.tensor(frame[["y", "age", "income", "height", "age"]].to_numpy(), dtype=torch.float32)
    x[:, 0] = x[:, 0] * 4 + 1
    x[::9, 1] = -999.0
    x[:, 4] = torch.tensor(numpy.random.default_rng(2).lognormal(0, 2, len(x)))
    found = offered(TensorDataset(x, torch.tensor(frame["y"].to_numpy())))
    assert list(found) == ["numbers that stand for missing ones", "drop what gives the target away", "a transform for skewed columns", "normalisation constants"]
    names = {"train_inputs": x}
    for fix in found.values():
        exec(fix.code, names)
    assert names["train_inputs"].shape == (2000, 4)
    assert names["train_inputs"].mean(0).abs().max() < 1e-3 and (names["train_inputs"].std(0) - 1).abs().max() < 1e-3
    assert abs(skew_of(names["train_inputs"][:, 3].numpy())) < 0.3


@pytest.mark.parametrize("make", [lambda x, y: [(a, int(b)) for a, b in zip(x, y, strict=True)], lambda x, y: [{"x": a, "y": int(b)} for a, b in zip(x, y, strict=True)], TensorDataset])
def test_a_sampler_takes_its_labels_from_the_dataset(make: Any) -> None:
    data = make(*uneven())
    after = pasted(offered(data, target="y" if isinstance(data[0], dict) else None)["a sampler that draws the classes evenly"], train_dataset=data)
    assert len(after["weights"]) == len(data)


def test_columns_of_0_to_1_are_scaled_already() -> None:
    random = torch.Generator().manual_seed(0)
    assert "normalisation constants" not in offered(loader(torch.rand(600, 4, generator=random), torch.arange(600) % 3))
    assert "normalisation constants" in offered(loader(torch.rand(600, 4, generator=random) * 0.01, torch.arange(600) % 3))


def test_the_number_of_a_row_is_not_normalised() -> None:
    frame = people().assign(**{"Unnamed: 0": numpy.arange(2000.0)})
    fix = offered(frame, target="y")["normalisation constants"]
    assert "Unnamed" not in fix.code and "income" in fix.code


def test_text_that_is_numbers_is_read_as_such() -> None:
    frame = people()
    frame["income"] = frame["income"].round(2).astype(str)
    after = pasted(offered(frame, target="y")["text that is numbers throughout"], train_df=frame)["train_df"]
    assert after["income"].tolist() == [float(text) for text in frame["income"]]


def test_mends_of_a_file_begin_with_reading_it(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sick(people(600)).to_csv("people.csv", index=False)
    names: dict[str, Any] = {}
    for fix in nbdebug.data_audit("people.csv", target="y").result.fixes.fixes:
        exec(fix.code, names)
    assert list(names["train_df"]) == ["age", "income", "height", "city", "y"] and names["train_df"]["income"].std() == pytest.approx(1)


def test_mends_of_a_folder_name_its_files(tmp_path: Any) -> None:
    random = numpy.random.default_rng(0)
    for number in range(60):
        path = tmp_path / ("cat", "dog")[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((random.random((12, 12, 3)) * (0 if number == 7 else 255)).astype("uint8")).save(path)
    (fix,) = [fix for fix in nbdebug.data_audit(str(tmp_path)).result.fixes.fixes if fix.title.startswith("leave out")]
    after = pasted(fix)
    assert len(after["files"]) == 59 and tmp_path / "dog" / "7.png" not in after["files"]


def test_names_that_the_user_s_table_does_not_know_are_in_no_piece() -> None:
    frame = people()
    frame.columns = ["age", "age", "height", "city", "y"]
    assert not any("age (2)" in fix.code for fix in offered(frame, target="y").values())


@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(torch.full((40, 3), torch.nan), torch.zeros(40)),
        TensorDataset(torch.zeros(1, 3), torch.zeros(1).long()),
        TensorDataset(torch.zeros(0, 3), torch.zeros(0).long()),
        TensorDataset(torch.arange(3.0)),
        TensorDataset(torch.randn(64, 4, 5), torch.zeros(64, 2)),
        TensorDataset(torch.zeros(64, 2, dtype=torch.bool), torch.ones(64, dtype=torch.bool)),
        TensorDataset(torch.randn(3000, 2), torch.arange(3000)),
    ],
)
def test_odd_data_stops_nothing(data: TensorDataset) -> None:
    try:
        report = nbdebug.data_audit(DataLoader(data, 32) if len(data) else [(torch.zeros(0, 3), torch.zeros(0))])
    except nbdebug.NbdebugError:
        return
    assert "fixes" not in report.result.unanswered


def test_time_that_is_over_is_kept_to() -> None:
    report = nbdebug.data_audit(loader(*uneven()))
    split = dataclasses.make_dataclass("NoSplit", [])()
    assert report.result.fixes.fixes
    assert fixes(split, None, Context(None, time.perf_counter() - 1, True), {}).fixes == ()

