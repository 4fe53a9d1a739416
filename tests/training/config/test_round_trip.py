"""`read_config(config.to_yaml()) == config`, whatever the configuration is."""

from __future__ import annotations

import random
import string
from typing import Any

import pytest

from nbdebug.errors import ConfigError
from nbdebug.training.config import read_config
from nbdebug.training.config.aliases import ANYWHERE, INSIDE, SECTIONS
from nbdebug.training.config.of_learning import LOSSES, OPTIMIZERS, SCHEDULES
from nbdebug.training.config.placing import PARTS, TOP
from nbdebug.training_setup import PRECISIONS

ODD = ["", "no", "yes", "null", "~", "1e-4", "010", "1_0", "12:30", "2024-01-01", "0x1f", ".inf", "nan", "<<", "=", "a: b", "# x", "- y", "é\n\tü", "'\"", " x ", "*a", "&a", "!t", "%", "@", "true", "-", "?"]


def plain(draw: random.Random, depth: int = 3) -> Any:
    leaves = [lambda: draw.choice(ODD), lambda: draw.uniform(-1e30, 1e30), lambda: 10.0 ** draw.randint(-300, 300), lambda: draw.randint(-(10**20), 10**20)]
    leaves += [lambda: draw.choice([None, True, False, float("inf"), -0.0]), lambda: "".join(draw.choices(string.printable, k=draw.randint(0, 12)))]
    if depth == 0 or draw.random() < 0.5:
        return draw.choice(leaves)()
    if draw.random() < 0.5:
        return [plain(draw, depth - 1) for _ in range(draw.randint(0, 4))]
    return {draw.choice([*ODD, "width", "a.b"]): plain(draw, depth - 1) for _ in range(draw.randint(1, 4))}


def some(draw: random.Random, **choices: Any) -> dict[str, Any]:
    """Each of the values with an even chance."""
    return {name: value() if callable(value) else value for name, value in choices.items() if draw.random() < 0.5}


def drawn(draw: random.Random) -> dict[str, Any]:
    share, large = draw.random, lambda: draw.randint(1, 1000)
    length = draw.choice([{"epochs": draw.randint(50, 100)}, {"max_steps": 10**6}, {}])
    kind = draw.choice(SCHEDULES)
    return some(
        draw, name=lambda: draw.choice(ODD), seed=lambda: draw.randrange(2**32), deterministic=True, compile=lambda: draw.choice([True, "max-autotune"]),
        training={**length, **some(draw, precision=lambda: draw.choice(list(PRECISIONS)), accumulate=large, clip_norm=share, ema=lambda: draw.uniform(0.1, 0.9), early_stopping=large, validate_every_steps=large, checkpoint_activations=["layers.*"])},
        data=some(draw, batch_size=large, num_workers=0, mixup=True, cutmix=share, balance=True, pin_memory=False),
        loss=lambda: some(draw, type=draw.choice([word for word in LOSSES if word != "focal"]), label_smoothing=share, class_weights=lambda: draw.choice(["balanced", [1, 2.5]])),
        model=lambda: {"width": plain(draw), draw.choice(ODD): plain(draw)},
        optimizer=lambda: some(draw, type=draw.choice([name for name in OPTIMIZERS if name != "LBFGS"]), lr=lambda: 10 ** draw.uniform(-6, 0), decay_norms=False),
        scheduler=lambda: {"type": kind, **({"milestones": [2, 3]} if kind == "multistep" else {}), **({"T_max": draw.randint(40, 50)} if kind in ("cosine", "linear") else {}), "gamma": 0.5},
        metrics=lambda: draw.choice([["accuracy", "f1"], {"top2": {"type": "accuracy", "top_k": 2}}]),
        checkpoint=some(draw, every_steps=large, keep_best=0, every_seconds=share), log=some(draw, mlflow=lambda: draw.choice([True, "sqlite:///x.db"]), tensorboard=False),
        watch=some(draw, every_steps=0, straggler=False, gradient_norm=True), launch=some(draw, num_processes=large, device="cpu", grace=share),
    )  # fmt: skip


def test_random_configurations_come_back_as_they_were() -> None:
    for seed in range(100):
        values = drawn(random.Random(seed))
        config = read_config(values)
        again = read_config(config.to_yaml())
        assert again == config, (seed, values)
        assert again.to_yaml() == config.to_yaml()
        assert read_config(config) == config


def test_a_word_that_is_put_into_a_random_place_never_ends_in_anything_but_a_config_error() -> None:
    """Whatever is written wherever: a configuration, or a ConfigError with some place in it."""
    draw = random.Random(7)
    words = [*TOP, *ANYWHERE, *SECTIONS, *(name for part in PARTS.values() for name in part.model_fields), *(w for inside in INSIDE.values() for w in inside)]
    read = 0
    for _ in range(1500):
        values: Any = plain(draw, 2)
        for _ in range(draw.randint(1, 2)):
            values = {draw.choice(words): values}
        try:
            config = read_config(values)
        except ConfigError as error:
            assert str(error)
        else:
            read += 1
            assert read_config(config.to_yaml()) == config, values
    assert read > 50


@pytest.mark.parametrize("word", sorted(set(ANYWHERE)))
def test_every_word_of_the_table_leads_to_a_place_that_there_is(word: str) -> None:
    path = ANYWHERE[word].path.split(".")
    part = PARTS.get(path[0])
    assert path[0] in TOP
    if part is not None and path[1] not in ("beta1", "beta2"):
        assert path[1] in part.model_fields


def test_the_words_of_a_section_lead_to_its_fields_and_take_no_fields_name() -> None:
    for section, words in INSIDE.items():
        for word, field in words.items():
            assert field == "*" or field in PARTS[section].model_fields
            assert word not in PARTS[section].model_fields or word == "options"
    assert set(SECTIONS.values()) <= set(PARTS)
