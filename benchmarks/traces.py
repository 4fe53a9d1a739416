"""Which tool leaves what behind in a session: nbdebug beside the tools that are used for the same questions.

    python benchmarks/traces.py

Each tool gets the same training, two steps after its start: with gradients, optimizer state, a batch norm that
is frozen in eval mode, and a hook of the user's. Afterwards everything is compared, element by element, with a copy taken
before; nothing of nbdebug takes part in that. The first two lines show that the comparison sees something. Tools that
are not installed are listed as such: `pip install lightning torch-lr-finder fastai wandb`.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.metadata
import io
import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules import module as every_module
from torch.utils.data import DataLoader, TensorDataset

import nbdebug

GLOBAL_HOOKS = [name for name in vars(every_module) if name.startswith("_global_") and name.endswith("_hooks")]


class Session:
    """What a user of a notebook has: the parts of a training, two steps into it."""

    def __init__(self) -> None:
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        self.model = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Dropout(0.2), nn.Flatten(), nn.Linear(128, 10),
        )  # fmt: skip
        self.model[4].eval()
        self.model[0].register_forward_hook(lambda module, args, output: None)
        self.loss_fn = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        images = TensorDataset(torch.randn(256, 1, 8, 8), torch.randint(0, 10, (256,)))
        self.loader = DataLoader(images, batch_size=32, shuffle=True)
        for _ in range(2):
            self.optimizer.zero_grad()
            self.step()

    def step(self) -> None:
        inputs, targets = next(iter(self.loader))
        self.loss_fn(self.model(inputs), targets).backward()
        self.optimizer.step()

    def state(self) -> dict[str, Any]:
        """A copy of all that is compared."""
        modules, parameters = dict(self.model.named_modules()), dict(self.model.named_parameters())
        return copy.deepcopy({
            "weights": {name: parameter.detach() for name, parameter in parameters.items()},
            "buffers": dict(self.model.named_buffers()),
            "gradients": {name: parameter.grad for name, parameter in parameters.items()},
            "modes": {name: module.training for name, module in modules.items()},
            "python random": random.getstate(),
            "numpy random": np.random.get_state(),
            "torch random": torch.get_rng_state(),
            "hooks": [hooks_of(owner) for owner in (*modules.values(), *parameters.values())]
            + [len(getattr(every_module, name)) for name in GLOBAL_HOOKS],
            "optimizer": self.optimizer.state_dict(),
            "attributes": {name: sorted(vars(module)) for name, module in modules.items()},
            "files": sorted(str(path) for path in Path.cwd().rglob("*")),
        })  # fmt: skip


def hooks_of(owner: Any) -> dict[str, int]:
    """How many hooks there are of each kind."""
    names = {name for name in dir(owner) if name.endswith("_hooks") and name.startswith("_")}
    return {name: len(held) for name in names if isinstance(held := getattr(owner, name), dict) and held}


def equal(one: Any, other: Any) -> bool:
    """Alike in every element."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


# -- the tools --------------------------------------------------------------------------------------------------------


def nothing(session: Session) -> None:
    pass


def training_step(session: Session) -> None:
    session.step()


def summary(session: Session) -> None:
    nbdebug.summary(setup_of(session))


def checkup(session: Session) -> None:
    nbdebug.checkup(setup_of(session))


def setup_of(session: Session) -> nbdebug.TrainingSetup:
    return nbdebug.TrainingSetup(
        model=session.model, loss_fn=session.loss_fn, optimizer=session.optimizer, train_loader=session.loader
    )


def torchinfo_input_size(session: Session) -> None:
    import torchinfo

    torchinfo.summary(session.model, input_size=(32, 1, 8, 8), verbose=0)


def torchinfo_input_data(session: Session) -> None:
    import torchinfo

    torchinfo.summary(session.model, input_data=torch.zeros(32, 1, 8, 8), verbose=0)


def torchinfo_mode_train(session: Session) -> None:
    import torchinfo

    torchinfo.summary(session.model, input_data=torch.zeros(32, 1, 8, 8), mode="train", verbose=0)


def lightning_module(session: Session) -> Any:
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = session.model, 1e-3

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return session.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return session.optimizer

    return Module()


def lightning_trainer(**options: Any) -> Any:
    import lightning

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
    return lightning.Trainer(accelerator="cpu", **quiet, **options)


def lightning_lr_find(session: Session) -> None:
    from lightning.pytorch.tuner import Tuner

    Tuner(lightning_trainer(max_epochs=10)).lr_find(lightning_module(session), session.loader, num_training=40, update_attr=False)


def lightning_overfit_batches(session: Session) -> None:
    lightning_trainer(max_epochs=20, overfit_batches=1).fit(lightning_module(session), session.loader)


def torch_lr_finder(session: Session) -> None:
    from torch_lr_finder import LRFinder

    finder = LRFinder(session.model, session.optimizer, session.loss_fn)
    finder.range_test(session.loader, end_lr=1, num_iter=40)
    finder.reset()


def wandb_watch(session: Session) -> None:
    import wandb

    with wandb.init(mode="offline", project="traces") as run:
        run.watch(session.model)


def fastai_lr_find(session: Session) -> None:
    import fastai.callback.schedule  # noqa: F401  gives Learner its lr_find
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner

    learner = Learner(DataLoaders(session.loader, session.loader), session.model, loss_func=session.loss_fn)
    with learner.no_bar():
        learner.lr_find(num_it=40, show_plot=False)


TOOLS: tuple[tuple[str, str, Callable[[Session], None]], ...] = (  # what is printed, what must be installed, the call
    ("(nothing)", "torch", nothing),
    ("(a training step)", "torch", training_step),
    ("nbdebug.summary", "nbdebug", summary),
    ("nbdebug.checkup", "nbdebug", checkup),
    ("torchinfo, input_size=", "torchinfo", torchinfo_input_size),
    ("torchinfo, input_data=", "torchinfo", torchinfo_input_data),
    ('torchinfo, mode="train"', "torchinfo", torchinfo_mode_train),
    ("Lightning lr_find", "lightning", lightning_lr_find),
    ("Lightning overfit_batches", "lightning", lightning_overfit_batches),
    ("torch-lr-finder, and reset()", "torch-lr-finder", torch_lr_finder),
    ("fastai lr_find", "fastai", fastai_lr_find),
    ("wandb watch, its run ended", "wandb", wandb_watch),
)


def changed_by(tool: Callable[[Session], None]) -> list[str]:
    """The names of what is not as it was."""
    session = Session()
    before = session.state()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        tool(session)
    after = session.state()
    return [name for name in before if not equal(before[name], after[name])]


def version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return nbdebug.__version__ if package == "nbdebug" else None


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ.setdefault("TQDM_DISABLE", "1")
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        for said, package, tool in TOOLS:
            os.chdir(tempfile.mkdtemp(dir=folder))  # what a tool writes is seen, and does not stay
            version = version_of(package)
            left = "not installed" if version is None else ", ".join(changed_by(tool)) or "–"
            print(f"{said:<30}{version or '':<15}{left}", flush=True)
        os.chdir(home)


if __name__ == "__main__":
    main()
