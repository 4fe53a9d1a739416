"""What train and validation share, and how they differ; and splits that only look so."""

from __future__ import annotations

import numpy
import pandas
import torch
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset, WeightedRandomSampler

from tests.datasets import dataset, sound


def pictures(count: int, side: int = 32, channels: int = 3, seed: int = 0) -> torch.Tensor:
    """(count, channels, side, side) smooth pictures in 0..1, no two alike; red is brighter than blue."""
    made = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 5, 5, generator=made)
    images = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 1)
    return images * torch.linspace(1.0, 0.5, channels)[:, None, None] if channels > 1 else images


def kinds(count: int, classes: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


def pair(train, val, y=None, z=None, shuffle=True):
    """Two loaders of arrays."""
    y = kinds(len(train)) if y is None else y
    z = kinds(len(val), seed=1) if z is None else z
    return {"data": DataLoader(TensorDataset(train, y), 32, shuffle=shuffle), "val": DataLoader(TensorDataset(val, z), 32)}


def sentences(count: int, seed: int = 0, words: int = 40, vocabulary: int = 3000) -> list[str]:
    """Texts of words that are as frequent as words are."""
    random = numpy.random.default_rng(seed)
    rank = numpy.minimum(random.zipf(1.3, (count, words)), vocabulary)
    spelled = [("Ka", "lo", "mi", "ten", "ru", "sa", "po", "vin", "de", "qua")[i % 10] + ("bar", "ze", "ti", "no", "lex", "ma")[i % 6] + str(i) for i in range(vocabulary + 1)]
    return [" ".join(spelled[i] for i in row) for row in rank]


def texts(train: list[str], val: list[str]):
    y, z = kinds(len(train)).tolist(), kinds(len(val), seed=1).tolist()
    return {"data": DataLoader(list(zip(train, y, strict=True)), 16, shuffle=True), "val": DataLoader(list(zip(val, z, strict=True)), 16)}


def sequences(count: int, length: int = 30, vocabulary: int = 500, seed: int = 0) -> torch.Tensor:
    random = numpy.random.default_rng(seed)
    return torch.from_numpy(numpy.minimum(random.zipf(1.4, (count, length)), vocabulary - 1).astype(numpy.int64) + 5)


def waves(count: int, seed: int = 0, channels: int = 2) -> torch.Tensor:
    """(count, 64, channels) sums of a few sines and noise; channels of different size."""
    made = torch.Generator().manual_seed(seed)
    time = torch.linspace(0, 6.28, 64)[None, :, None]
    rate, phase = 1 + 6 * torch.rand(count, 1, channels, generator=made), 6.28 * torch.rand(count, 1, channels, generator=made)
    noise = torch.randn(count, 64, channels, generator=made)
    return ((time * rate + phase).sin() + 0.3 * noise) * torch.tensor([1.0, 4.0])[:channels]


def rows(count: int, columns: int = 6, seed: int = 0) -> torch.Tensor:
    """(count, columns) on different scales."""
    made = torch.Generator().manual_seed(seed)
    return torch.randn(count, columns, generator=made) * torch.logspace(0, 2, columns) + torch.linspace(5, 60, columns)


def cancer(sick: bool = False):
    return train_test_split(load_breast_cancer(as_frame=True).frame, random_state=0)


# -- ND105 ----------------------------------------------------------------------------------------------------


@dataset("ND105", where="val, dataset index 0")
def images_in_both(sick):
    images = pictures(240)
    return pair(images[:200], images[180:220].clone() if sick else images[200:])


@dataset("ND105", where="val, dataset index 0")
def rows_in_both(sick):
    train, val = cancer()
    if sick:
        val = pandas.concat([train.iloc[:20], val])
    return {"data": train, "val": val, "target": "target"}


@dataset("ND105", where="val")
def oversampled_before_the_split(sick):
    frame = load_breast_cancer(as_frame=True).frame
    if sick:
        frame = pandas.concat([frame, frame[frame.target == 0].sample(145, random_state=0)])
    train, val = train_test_split(frame, random_state=0)
    return {"data": train, "val": val, "target": "target"}


@dataset("ND105", where="val")
def tokens_in_both(sick):
    ids = sequences(260)
    return pair(ids[:200], ids[190:230].clone() if sick else ids[200:])


@dataset("ND105", where="val")
def a_text_with_a_word_changed(sick):
    train, val = sentences(200), sentences(50, seed=1)
    if sick:
        val[:10] = [" ".join([*text.split()[:20], "altered", *text.split()[21:]]) for text in train[30:40]]
    return texts(train, val)


@dataset("ND105", where="val, dataset index 0")
def brighter_copies_of_images(sick):
    train, val = pictures(200), pictures(60, seed=1)
    if sick:
        val[:12] = (train[50:62] * 0.8 + 0.1 + 0.01 * torch.randn(12, 3, 32, 32)).clamp(0, 1)
    return pair(train, val)


@dataset("ND105", where="val, dataset index 0")
def mirrored_copies_of_images(sick):
    train, val = pictures(200), pictures(60, seed=1)
    if sick:
        val[:12] = train[50:62].flip(-1)
    return pair(train, val)


@dataset("ND105", where="val, dataset index 0")
def series_in_both(sick):
    series = waves(240)
    val = waves(60, seed=1)
    if sick:
        val[:10] = series[20:30] + 0.001 * torch.randn(10, 64, 2)
    return pair(series[:180], val)


def walk(length: int, channels: int = 2, seed: int = 0) -> torch.Tensor:
    """(length, channels) of a series that comes back to its mean."""
    made = torch.Generator().manual_seed(seed)
    steps = [torch.zeros(channels)]
    for _ in range(length - 1):
        steps.append(0.8 * steps[-1] + torch.randn(channels, generator=made))
    return torch.stack(steps)


@dataset("ND105", where="val, dataset index 0")
def windows_of_one_series_divided_at_random(sick):
    windows = walk(520).unfold(0, 24, 1).mT
    following = walk(520)[24:, 0]
    windows = windows[: len(following)]
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0)) if sick else torch.arange(len(windows))
    train, val = order[:360], order[360 if sick else 384 :]
    return pair(windows[train], windows[val], following[train], following[val])


@dataset("ND105", where="val, dataset index 0")
def lags_of_one_series_divided_at_random(sick):
    lags = walk(500, 1)[:, 0].unfold(0, 16, 1)
    order = torch.randperm(len(lags), generator=torch.Generator().manual_seed(0)) if sick else torch.arange(len(lags))
    return pair(lags[order[:350]], lags[order[350:]])


@sound
def sentences_of_a_language_of_rules():
    """The next word follows from the last, nearly always: two speakers say the same."""
    after = torch.randperm(24, generator=torch.Generator().manual_seed(0))

    def said(count, seed):
        made = torch.Generator().manual_seed(seed)
        words = [torch.randint(24, (count,), generator=made)]
        for _ in range(11):
            jump = torch.rand(count, generator=made) < 0.1
            words.append(torch.where(jump, torch.randint(24, (count,), generator=made), after[words[-1]]))
        return torch.stack(words, 1)

    return pair(said(400, 1), said(64, 2))


@sound
def offsets_of_bags_in_batches_of_two_sizes():
    """Where each bag begins in its batch: larger numbers in larger batches."""

    def batches(count, size, seed):
        made = torch.Generator().manual_seed(seed)
        bags = [torch.randint(300, (int(torch.randint(12, 30, (), generator=made)),), generator=made) for _ in range(count)]

        def joined(rows):
            starts = torch.tensor([0] + [len(bag) for bag, _ in rows[:-1]]).cumsum(0)
            return {"words": torch.cat([bag for bag, _ in rows]), "offsets": starts}, torch.tensor([label for _, label in rows])

        return DataLoader([(bag, int(bag[0]) % 2) for bag in bags], size, collate_fn=joined)

    return {"data": batches(400, 20, 0), "val": batches(200, 50, 1)}


@sound
def labels_padded_to_the_longest_of_their_batch():
    """Batches of many are wider than batches of few."""

    def batches(count, size, seed):
        made = torch.Generator().manual_seed(seed)
        long = [int(torch.rand((), generator=made) ** 4 * 10) + 2 for _ in range(count)]
        rows = [(torch.randint(20, (4,), generator=made), torch.randint(8, (n,), generator=made).tolist()) for n in long]

        def joined(some):
            longest = max(len(target) for _, target in some)
            labels = torch.tensor([target + [-100] * (longest - len(target)) for _, target in some])
            return {"input_ids": torch.stack([ids for ids, _ in some]), "labels": labels}

        return DataLoader(rows, size, collate_fn=joined)

    return {"data": batches(340, 4, 0), "val": batches(59, 59, 1)}


@sound
def windows_of_two_periods_without_a_gap():
    windows = walk(300).unfold(0, 24, 1).mT
    return pair(windows[:200], windows[200:])


@sound
def recordings_of_silence_and_clicks():
    """The same few levels everywhere."""
    levels = torch.randint(3, (300, 48), generator=torch.Generator().manual_seed(0)).float() * (torch.rand(300, 1) > 0.2)
    return pair(levels[:200], levels[200:])


@sound
def bags_of_words_standardised_by_column():
    """Most columns of most rows hold the value that stands for no word, each its own."""
    bags = torch.nn.functional.one_hot(torch.randint(60, (400, 7), generator=torch.Generator().manual_seed(0)), 60).sum(1).float()
    bags = (bags - bags.mean(0)) / bags.std()
    return pair(bags[:300], bags[300:])


@sound
def periods_of_one_wave_in_both():
    """Made from a formula, at random phases."""
    phase = 6.28 * torch.rand(300, 1, generator=torch.Generator().manual_seed(0))
    wave = (torch.linspace(0, 12.56, 64)[None] + phase).sin()[..., None]
    return pair(wave[:200], wave[200:])


@dataset("ND105", where="val, dataset index 0")
def rounded_rows_in_both(sick):
    train, val = rows(300).double(), rows(80, seed=1).double()
    if sick:
        val[:10] = torch.tensor(numpy.round(train[5:15].numpy(), 5)) + 1e-7
    return pair(train, val)


class Augmented(Dataset):
    """Cut out at random, mirrored at random, each time anew."""

    def __init__(self, images, labels, active):
        self.data, self.labels, self.active = images, labels, active

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        image = self.data[index]
        if self.active:
            y, x = torch.randint(0, 5, (2,)).tolist()
            image = torch.nn.functional.pad(image, (2, 2, 2, 2))[:, y : y + image.shape[1], x : x + image.shape[2]]
            image = image.flip(-1) if torch.rand(()) < 0.5 else image
            image = image * (0.9 + 0.2 * torch.rand(()))
        return image, int(self.labels[index])


@dataset("ND105", where="val")
def two_random_splits_of_the_same_images(sick):
    """Each with its own transform, and each split with its own seed."""
    images, labels = pictures(200), kinds(200)
    ways = [torch.randperm(200, generator=torch.Generator().manual_seed(seed)).tolist() for seed in (0, 1 if sick else 0)]
    train = Subset(Augmented(images, labels, True), ways[0][:150])
    val = Subset(Augmented(images, labels, False), ways[1][150:])
    return {"data": DataLoader(train, 25, shuffle=True), "val": DataLoader(val, 25)}


def nodes_of_one_graph(first: torch.Tensor, second: torch.Tensor, name: str):
    features, labels = rows(240), kinds(240)
    return {"data": [{"x": features, "y": labels, name: first}], "val": [{"x": features, "y": labels, name: second}], "target": "y"}


@dataset("ND105", where="val")
def nodes_of_one_graph_in_both(sick):
    """All nodes come each time; a mask says which of them are meant."""
    mask = torch.arange(240) < 160
    return nodes_of_one_graph(mask, mask if sick else ~mask, "mask")


@sound
def places_of_nodes_in_one_graph():
    order = torch.randperm(240, generator=torch.Generator().manual_seed(2))
    return nodes_of_one_graph(order[:160], order[160:], "nodes")


@dataset("ND105", where="val")
def few_columns_oversampled_before_the_split(sick):
    """So few columns that equal rows might be thought to be chance, were not every price one row's alone."""
    draw = torch.Generator().manual_seed(3)
    rows = torch.cat([torch.randn(400, 2, generator=draw), torch.randint(0, 4, (400, 3), generator=draw).float()], 1)
    labels = (rows[:, 0] + rows[:, 2] + torch.randn(400, generator=draw) > 3).long()
    order = torch.randperm(400, generator=draw)
    train, val = (order, order[:0]) if sick else (order[:320], order[320:])
    rare = train[labels[train] == 1]
    train = torch.cat([train, rare.repeat(4)])
    if sick:
        train = train[torch.randperm(len(train), generator=draw)]
        train, val = train[: len(train) * 4 // 5], train[len(train) * 4 // 5 :]
    return pair(rows[train], rows[val], labels[train], labels[val])


@sound
def machines_seen_again_with_other_outcomes():
    """What is known of a machine is the same at each visit, and what comes of it is not."""
    draw = torch.Generator().manual_seed(4)
    visits = torch.randint(0, 200, (500,), generator=draw)
    rows, labels = torch.randn(200, 3, generator=draw)[visits], torch.rand(500, generator=draw).round().long()
    return pair(rows[:400], rows[400:], labels[:400], labels[400:])


@sound
def readings_of_one_decimal():
    readings = (torch.randn(600, 3, generator=torch.Generator().manual_seed(5)) * 0.5).mul(10).round().div(10)
    return pair(readings[:450], readings[450:])


@sound
def the_same_empty_image_on_both_sides():
    train, val = pictures(200), pictures(50, seed=1)
    train[::10], val[::5] = 0.0, 0.0
    y, z = kinds(200), kinds(50, seed=1)
    y[::10], z[::5] = 0, 0
    return pair(train, val, y, z)


@sound
def categories_alone():
    """Few combinations: rows repeat by chance."""
    table = torch.randint(0, 3, (400, 4), generator=torch.Generator().manual_seed(0)).float()
    return pair(table[:300], table[300:])


@sound
def texts_with_one_footer():
    footer = " Sent from my telephone . This message is confidential and meant for nobody but you please delete it"
    return texts([t + footer for t in sentences(150)], [t + footer for t in sentences(40, seed=1)])


@sound
def oversampled_after_the_split():
    train, val = cancer()
    return {"data": pandas.concat([train, train[train.target == 0]]), "val": val, "target": "target"}


@sound
def a_sampler_that_draws_again():
    images, labels = pictures(300), (torch.arange(300) % 10 == 0).long()
    sampler = WeightedRandomSampler(torch.where(labels[:240] == 1, 9.0, 1.0), 240)
    train = DataLoader(TensorDataset(images[:240], labels[:240]), 24, sampler=sampler)
    return {"data": train, "val": DataLoader(TensorDataset(images[240:], labels[240:]), 20)}


@sound
def one_image_of_two_hundred_is_shared():
    images = pictures(450)
    val = images[250:].clone()
    val[7] = images[3]
    return pair(images[:250], val)


@sound
def frames_of_a_film():
    """Each a little further than the one before, split at random."""
    images = pictures(12)
    film = torch.cat([images[i] + (images[i + 1] - images[i]) * torch.linspace(0, 1, 21)[:20, None, None, None] for i in range(11)])
    order = torch.randperm(len(film), generator=torch.Generator().manual_seed(0))
    return pair(film[order[:170]], film[order[170:]])


class OnTheFly(Dataset):
    """Another sample each time, whatever the index."""

    def __len__(self):
        return 200

    def __getitem__(self, index):
        return torch.randn(3, 16, 16), int(torch.randint(4, ()))


@sound
def made_on_the_fly_for_both():
    made = OnTheFly()
    return {"data": DataLoader(made, 25), "val": DataLoader(made, 25)}


@sound
def digits_of_few_pixels():
    images, labels = load_digits(return_X_y=True)
    images = torch.tensor(images / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    order = numpy.random.default_rng(3).permutation(len(images))
    return pair(images[order[:1300]], images[order[1300:]], torch.tensor(labels[order[:1300]]), torch.tensor(labels[order[1300:]]))


# -- ND106 ----------------------------------------------------------------------------------------------------


@dataset("ND106", where="val inputs")
def train_standardised_and_val_not(sick):
    train, val = rows(300), rows(80, seed=1)
    mean, std = train.mean(0), train.std(0)
    return pair((train - mean) / std, val if sick else (val - mean) / std)


@dataset("ND106", where="val table")
def frame_standardised_by_half(sick):
    train, val = cancer()
    columns = [name for name in train.columns if name != "target"]
    mean, std = train[columns].mean(), train[columns].std()
    val, train = val.copy(), train.copy()
    val[columns] = (val[columns] - mean) / std
    if not sick:
        train[columns] = (train[columns] - mean) / std
    return {"data": train, "val": val, "target": "target"}


@dataset("ND106", where="val inputs")
def divided_by_255_twice(sick):
    return pair(pictures(200), pictures(60, seed=1) / (255 if sick else 1))


@dataset("ND106", where="val inputs")
def red_and_blue_exchanged(sick):
    images = pictures(60, seed=1)
    return pair(pictures(200), images.flip(1) if sick else images)


@dataset("ND106", where="val inputs")
def normalised_by_other_constants(sick):
    mean, std = torch.tensor([0.485, 0.456, 0.406])[:, None, None], torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    val = pictures(60, seed=1)
    return pair((pictures(200) - mean) / std, (val - 0.5) / 0.5 if sick else (val - mean) / std)


@dataset("ND106", where="val inputs")
def shifted_vocabulary(sick):
    return pair(sequences(300), sequences(80, seed=1) + (2 if sick else 0))


@dataset("ND106", where="val inputs")
def padded_with_another_token(sick):
    train, val = sequences(300), sequences(80, seed=1)
    for part, pad in ((train, 0), (val, 1 if sick else 0)):
        for row, length in enumerate(torch.randint(10, 28, (len(part),)).tolist()):
            part[row, length:] = pad
    return pair(train, val)


@dataset("ND106", where="val inputs")
def small_letters_in_train_only(sick):
    train, val = [t.lower() for t in sentences(200)], sentences(60, seed=1)
    return texts(train, val if sick else [t.lower() for t in val])


@dataset("ND106", where="val inputs")
def series_with_channels_exchanged(sick):
    val = waves(80, seed=1)
    return pair(waves(240), val.flip(-1) if sick else val)


@dataset("ND106", where="val table, age")
def missing_values_filled_in_val_only(sick):
    frame = pandas.DataFrame({"age": numpy.random.normal(40, 12, 500), "pay": numpy.random.lognormal(8, 1, 500), "y": numpy.arange(500) % 2})
    frame.loc[numpy.random.random(500) < 0.2, "age"] = numpy.nan
    filled = frame.fillna({"age": frame.age.median()})
    return {"data": (frame if sick else filled).iloc[:380], "val": filled.iloc[380:], "target": "y"}


@dataset("ND106", where="column 2")
def one_column_in_other_units(sick):
    train, val = rows(400), rows(100, seed=1)
    if sick:
        val[:, 2] = val[:, 2] * 1.8 + 32
    return pair(train, val)


@dataset("ND106", where="val inputs")
def columns_in_another_order(sick):
    val = rows(100, seed=1)
    return pair(rows(400), val[:, [0, 3, 2, 1, 4, 5]] if sick else val)


@dataset("ND106", where="val inputs")
def augmented_and_normalised_in_train_only(sick):
    """No rule fits what is cut out at random; the range tells."""
    images, labels = pictures(260), kinds(260)
    train = Augmented(images[:200] * 4.4 - 2.1, labels[:200], True)
    val = Augmented(images[200:] if sick else images[200:] * 4.4 - 2.1, labels[200:], False)
    return {"data": DataLoader(train, 25, shuffle=True), "val": DataLoader(val, 25)}


@dataset("ND106", where="val inputs, column 0")
def categories_numbered_as_they_come_in_each(sick):
    code = torch.randint(0, 8, (500,), generator=torch.Generator().manual_seed(1))

    def numbered(codes):
        once = dict.fromkeys(codes.tolist())
        return torch.tensor([list(once).index(one) for one in codes.tolist()])

    whole = numbered(code)
    return pair(whole[:360, None], (numbered(code[360:]) if sick else whole[360:])[:, None])


@sound
def rows_of_each_station_in_turn():
    station = torch.arange(8).repeat(60)
    rows = torch.stack([station, station.roll(1)], 1)
    return pair(rows[:360], rows[360:], station[:360] % 4, station[360:] % 4)


@sound
def a_walk_whose_end_lies_elsewhere():
    steps = numpy.cumsum(numpy.random.default_rng(0).normal(0, 3, 3000)) + 40 * numpy.sin(numpy.arange(3000) / 15)
    windows = numpy.lib.stride_tricks.sliding_window_view((steps - steps[:2000].mean()) / steps[:2000].std(), 20)[::3]
    windows = torch.tensor(windows.copy(), dtype=torch.float32)[..., None]
    return pair(windows[:650], windows[680:])


@sound
def new_patients_of_whom_a_rule_says_little():
    random = numpy.random.default_rng(0)
    rows = (random.normal(size=(60, 1, 16)) + 0.12 * random.normal(size=(60, 20, 16))).reshape(-1, 16)
    labels = random.integers(0, 2, 60).repeat(20)
    rows[:, 0] += 1.5 * labels
    rows, labels = torch.tensor(rows, dtype=torch.float32), torch.tensor(labels)
    return pair(rows[:960], rows[960:], labels[:960], labels[960:])


@sound
def augmented_in_train_only():
    images, labels = pictures(260), kinds(260)
    train, val = Augmented(images[:200], labels[:200], True), Augmented(images[200:], labels[200:], False)
    return {"data": DataLoader(train, 25, shuffle=True), "val": DataLoader(val, 25)}


@sound
def noise_in_train_only():
    train = pictures(200)
    return pair((train + 0.1 * torch.randn_like(train)).clamp(0, 1), pictures(60, seed=1))


@sound
def cropped_in_train_and_whole_in_val():
    """As super-resolution and segmentation do."""
    return pair(pictures(200, 24), pictures(60, 32, seed=1))


@sound
def a_handful_of_samples_to_validate_with():
    table = rows(320)
    return pair(table[:300], table[300:])


@sound
def single_precision_beside_double():
    return {**pair(rows(300), rows(80, seed=1).double())}


@sound
def grey_pictures_have_channels_that_agree():
    train, val = pictures(200, channels=1).repeat(1, 3, 1, 1), pictures(60, channels=1, seed=1).repeat(1, 3, 1, 1)
    return pair(train, val)


@sound
def standardised_and_a_little_moved():
    train, val = rows(300), rows(80, seed=1)
    mean, std = train.mean(0), train.std(0)
    return pair((train - mean) / std, (val - mean) / std + 0.2)


# -- ND115 ----------------------------------------------------------------------------------------------------


@dataset("ND115", where="worst radius")
def split_by_size(sick):
    """The largest tumours are kept for validation."""
    frame = load_breast_cancer(as_frame=True).frame
    first = frame.sample(frac=1, random_state=0)
    by_size = frame.sort_values("worst radius")
    train, val = (by_size[:430].sample(frac=1, random_state=0), by_size[430:]) if sick else (first[:430], first[430:])
    return {"data": train.drop(columns="target"), "val": val.drop(columns="target")}


@dataset("ND115", where="class")
def split_of_rows_that_were_nearly_sorted_by_class(sick):
    frame = load_wine(as_frame=True).frame
    order = frame.target + 1.6 * numpy.random.default_rng(0).random(len(frame))
    frame = frame.iloc[order.argsort()] if sick else frame.sample(frac=1, random_state=0)
    return {"data": frame[:120].sample(frac=1, random_state=0), "val": frame[120:], "target": "target"}


@dataset("ND115", where="val inputs")
def darker_images_to_validate_with(sick):
    val = pictures(80, seed=1)
    return pair(pictures(240), val**3 * 0.6 if sick else val)


@dataset("ND115", where="val inputs")
def texts_of_another_subject(sick):
    other = [" ".join("market share bank stock price rise fall trade fund".split()[i % 9] for i in numpy.random.default_rng(s).integers(0, 9, 40)) for s in range(60)]
    return texts(sentences(200), other if sick else sentences(60, seed=1))


@dataset("ND115", where="val inputs")
def tokens_of_another_subject(sick):
    val = sequences(80, seed=1)
    return pair(sequences(300), (val * 37) % 400 + 60 if sick else val)


@dataset("ND115", where="val inputs")
def series_of_another_machine(sick):
    val = waves(80, seed=1)
    return pair(waves(240), val * torch.tensor([0.7, 1.9]) + torch.tensor([1.0, 0.0]) if sick else val)


@sound
def the_past_and_the_future():
    """A trend, split in the order of time."""
    time = torch.arange(500.0)[:, None]
    table = torch.cat([time * 0.01, time**1.2 * 0.02, torch.zeros(500, 2)], 1) + torch.randn(500, 4)
    return pair(table[:400], table[400:], shuffle=True)


@sound
def another_year():
    def year(number, seed):
        random = numpy.random.default_rng(seed)
        return pandas.DataFrame({"year": number, "id": numpy.arange(300) + 1000 * number, "price": random.lognormal(3 + 0.1 * (number - 2020), 0.5, 300), "y": random.integers(0, 2, 300)})

    return {"data": pandas.concat([year(2019, 0), year(2020, 1)]), "val": year(2021, 2), "target": "y"}


@sound
def balanced_by_a_sampler():
    """The rare class is drawn ten times as often, and its columns come along."""
    labels = (torch.arange(600) % 12 == 0).long()
    table = rows(600) + 150.0 * labels[:, None]
    sampler = WeightedRandomSampler(torch.where(labels[:480] == 1, 11.0, 1.0), 480)
    train = DataLoader(TensorDataset(table[:480], labels[:480]), 32, sampler=sampler)
    return {"data": train, "val": DataLoader(TensorDataset(table[480:], labels[480:]), 32)}


@sound
def a_few_of_each_class():
    """Balanced on purpose, beside validation as it comes."""
    labels = torch.arange(900) % 9 // 6
    table = rows(900) + 40.0 * labels[:, None]
    rare = torch.nonzero(labels[:700] == 1)[:, 0]
    kept = torch.cat([rare, torch.nonzero(labels[:700] == 0)[: len(rare), 0]])
    return pair(table[kept], table[700:], labels[kept], labels[700:])


@sound
def unstratified_wine():
    train, val = train_test_split(load_wine(as_frame=True).frame, random_state=7, test_size=20)
    return {"data": train, "val": val, "target": "target"}


@sound
def digits_by_hand():
    images, labels = load_digits(return_X_y=True)
    return pair(torch.tensor(images[:1400]).float(), torch.tensor(images[1400:]).float(), torch.tensor(labels[:1400]), torch.tensor(labels[1400:]))


# -- splits by subject, site or group ---------------------------------------------------------------------------------


def of_subjects(subjects: numpy.ndarray, columns: int = 14, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows that lie as far from each other within a subject as the subjects do."""
    random = numpy.random.default_rng(seed)
    levels = random.normal(size=(subjects.max() + 1, columns))
    made = levels[subjects] + random.normal(size=(len(subjects), columns))
    return torch.tensor(made, dtype=torch.float32), torch.tensor(random.integers(0, 4, len(subjects)))


@sound
def one_subject_left_out():
    table, labels = of_subjects(numpy.repeat(numpy.arange(30), 40))
    return pair(table[:1160], table[1160:], labels[:1160], labels[1160:])


@sound
def three_subjects_left_out_whose_rows_are_mixed():
    subjects = numpy.tile(numpy.arange(12), 80)
    table, labels = of_subjects(subjects, seed=0)
    kept = torch.tensor(subjects < 9)
    return pair(table[kept], table[~kept], labels[kept], labels[~kept])


@sound
def photographs_of_another_site():
    """Every site has its own light and tint."""
    tint = torch.rand(9, 3, 1, 1, generator=torch.Generator().manual_seed(3)) ** 2
    images = pictures(360) * (0.05 + tint.repeat_interleave(40, 0))
    return pair(images[:320], images[320:])


@dataset("ND115", where="val inputs")
def independent_rows_cut_by_what_two_columns_give(sick):
    """Train is shuffled, and no part of it is as far from the rest as validation."""
    table = rows(500)
    order = ((table[:, 0] - 5) + (table[:, 3] - table[:, 3].mean()) / 16).argsort() if sick else torch.randperm(500)
    return pair(table[order[:430]][torch.randperm(430)], table[order[430:]])


# -- what repeats by design -------------------------------------------------------------------------------------------


class WordDropout(Dataset):
    """Tokens left out at random, each time others."""

    def __init__(self, ids, share):
        self.data, self.share = ids, share

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        return torch.where(torch.rand(self.data.shape[1]) < self.share, 1, self.data[index]), index % 2


@sound
def words_dropped_in_train_only():
    ids = sequences(500, 24)
    return {"data": DataLoader(WordDropout(ids[:400], 0.3), 16, shuffle=True), "val": DataLoader(WordDropout(ids[400:], 0.0), 16)}


@sound
def a_class_of_silence():
    """The same constant clip on both sides."""
    tones, labels = waves(300), kinds(300)
    tones[labels == 0] = 0.0
    return pair(tones[:240], tones[240:], labels[:240], labels[240:])


@sound
def a_class_of_blank_rows():
    blank, labels = waves(300, channels=1)[..., 0], kinds(300)
    blank[labels == 0] = 0.0
    return pair(blank[:240], blank[240:], labels[:240], labels[240:])


@sound
def letters_of_seven_by_five_pixels():
    """26 of them, with a few pixels turned over."""
    random = numpy.random.default_rng(0)
    letters, labels = random.random((26, 1, 7, 5)) > 0.5, random.integers(0, 26, 1000)
    images = torch.tensor(letters[labels] ^ (random.random((1000, 1, 7, 5)) < 0.03)).float()
    return pair(images[:800], images[800:], torch.tensor(labels[:800]), torch.tensor(labels[800:]))


@sound
def sprites_in_a_few_places():
    """Eight patterns at 81 places."""
    random = numpy.random.default_rng(0)
    patterns, labels = random.random((8, 8, 8)) > 0.5, random.integers(0, 8, 900)
    images = numpy.zeros((900, 1, 16, 16), numpy.float32)
    for image, label, (y, x) in zip(images, labels, random.integers(0, 9, (900, 2)), strict=True):
        image[0, y : y + 8, x : x + 8] = patterns[label]
    return pair(torch.tensor(images[:700]), torch.tensor(images[700:]), torch.tensor(labels[:700]), torch.tensor(labels[700:]))
