"""Networks that are no better than what ignores its inputs, and those that only seem so. They are judged by `baselines` alone.

    @unbeaten
    def inputs_are_averaged_away(sick):
        ...                       # sick=False builds the fixed twin, which must raise no alarm

    @beaten
    def task_is_linear():
        ...                       # no error and no warning
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from tests.patients import Patient
from tests.patients.parts import features, loader, mlp, quantities, tokens, training

SICK: list[Patient] = []
SOUND: list[Patient] = []


def unbeaten(build: Callable[[bool], TrainingSetup]) -> Callable[[bool], TrainingSetup]:
    SICK.append(Patient(build.__name__, frozenset(["ND710"]), "", lambda: _seeded(build, True)))
    SOUND.append(Patient(f"{build.__name__}, mended", frozenset(), "", lambda: _seeded(build, False)))
    return build


def beaten(build: Callable[[], TrainingSetup]) -> Callable[[], TrainingSetup]:
    SOUND.append(Patient(build.__name__, frozenset(), "", lambda: _seeded(build)))
    return build


def _seeded(build: Callable[..., TrainingSetup], *given: bool) -> TrainingSetup:
    torch.manual_seed(0)
    return build(*given)


class Changed(nn.Module):
    """An MLP whose inputs are changed on the way in."""

    def __init__(self, change, net=None):
        super().__init__()
        self.net, self.change = net or mlp(), change

    def forward(self, x):
        return self.net(self.change(x))


# -- ND710 ----------------------------------------------------------------------------------------------------


@unbeaten
def inputs_are_averaged_away(sick):
    return training(Changed((lambda x: x.mean(1, keepdim=True).expand_as(x)) if sick else (lambda x: x)), data=features(1200))


@unbeaten
def inputs_are_shrunk_by_a_normalisation_meant_for_bytes(sick):
    """Divided by 255 twice, and by a std of another data set: next to nothing is left."""
    return training(Changed(lambda x: x / (255.0**3 if sick else 1.0)), data=features(1200))


@unbeaten
def output_is_squashed_to_nothing(sick):
    class Squashed(Changed):
        def forward(self, x):
            return self.net(x) * (1e-9 if sick else 1.0)

    return training(Squashed(None), data=features(1200))


@unbeaten
def regression_reads_another_column(sick):
    """The model gets one column, and it is not one that tells anything."""
    inputs = torch.randn(1200, 8, generator=torch.Generator().manual_seed(3))
    targets = inputs[:, :4].sum(1, keepdim=True)
    chosen = (lambda x: x[:, 7:]) if sick else (lambda x: x[:, :4])
    return training(Changed(chosen, mlp(1 if sick else 4, 1)), nn.MSELoss(), (inputs, targets))


@unbeaten
def samples_are_mixed_before_the_first_layer(sick):
    """Rows are shuffled within the batch by the model: what is said of a sample is said of another."""

    def shuffled(x):
        return x[torch.randperm(len(x))] if sick else x

    inputs, targets = features(1200, classes=2)
    return training(Changed(shuffled, mlp(64, 2)), data=(inputs, targets))


@unbeaten
def loss_of_ones_own(sick):
    """A squared error written by hand, over a model that forgets its inputs."""
    inputs, _ = features(1200, 16)
    targets = inputs[:, :1] - inputs[:, 1:2]
    change = (lambda x: x * 0 + 1.0) if sick else (lambda x: x)
    return training(Changed(change, mlp(16, 1)), lambda outputs, wanted: ((outputs - wanted) ** 2).mean(), (inputs, targets))


# -- sound ----------------------------------------------------------------------------------------------------


@beaten
def labels_have_nothing_to_do_with_the_inputs():
    inputs, targets = features(1200)
    return training(mlp(), data=(inputs, targets[torch.randperm(1200)]))


@beaten
def ninety_nine_to_one():
    inputs = torch.randn(2000, 16)
    return training(mlp(16, 2), data=(inputs, (inputs[:, 0] > 2.3).long()))


@beaten
def task_is_linear():
    inputs = torch.randn(800, 32)
    targets = inputs @ torch.randn(32, 1) + 0.1 * torch.randn(800, 1)
    return training(mlp(32, 1, hidden=16), nn.MSELoss(), (inputs, targets))


@beaten
def learning_rate_of_the_first_step_of_a_warm_up():
    model = mlp()
    return training(model, data=features(1200), optimizer=torch.optim.Adam(model.parameters(), lr=1e-8))


@beaten
def bottleneck_of_one_unit():
    return training(nn.Sequential(nn.Linear(64, 1), nn.Tanh(), nn.Linear(1, 10)), data=features(1200))


@beaten
def xor_that_no_line_can_tell():
    inputs = torch.randn(1200, 2)
    return training(mlp(2, 2), data=(inputs, (inputs[:, 0] * inputs[:, 1] > 0).long()))


@beaten
def autoencoder():
    inputs, _ = features(600, 32)
    return training(nn.Sequential(nn.Linear(32, 4), nn.Linear(4, 32)), nn.MSELoss(), train_loader=loader(inputs, inputs))


@beaten
def forty_samples():
    return training(mlp(), data=features(40))


@beaten
def one_class_only():
    return training(mlp(), data=(torch.randn(400, 64), torch.zeros(400, dtype=torch.long)))


@beaten
def constant_target():
    return training(mlp(16, 1), nn.MSELoss(), (torch.randn(400, 16), torch.full((400, 1), 3.0)))


@beaten
def many_labels_at_once():
    inputs, _ = features(800, 32)
    return training(mlp(32, 5), nn.BCEWithLogitsLoss(pos_weight=torch.full((5,), 2.0)), (inputs, (inputs[:, :5] > 0.5).float()))


@beaten
def segmentation():
    images = torch.randn(120, 1, 12, 12)
    return training(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1)), data=(images, (images[:, 0] > 0).long()))


@beaten
def language_model():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(20, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 20)

        def forward(self, ids):
            return self.head(self.rnn(self.embed(ids))[0])

    return training(Reader(), lambda logits, wanted: F.cross_entropy(logits.flatten(0, 1), wanted.flatten()), tokens(400))


@beaten
def denoiser_that_draws_its_target():
    def batch_loss(setup, batch):
        noise = torch.randn_like(batch[0])
        return F.mse_loss(setup.model(batch[0] + noise), noise)

    return training(mlp(64, 64), data=features(600), batch_loss=batch_loss)


@beaten
def contrastive_loss_over_the_batch():
    def batch_loss(setup, batch):
        one, other = (F.normalize(setup.model(batch[0] + 0.1 * torch.randn_like(batch[0])), dim=1) for _ in range(2))
        return F.cross_entropy(one @ other.T / 0.1, torch.arange(len(one)))

    return training(mlp(64, 16), data=features(600), batch_loss=batch_loss)


@beaten
def quantities_with_lbfgs():
    model = mlp(16, 1)
    inputs, targets = quantities(600)
    return training(model, nn.MSELoss(), (inputs, targets[:, None]), optimizer=torch.optim.LBFGS(model.parameters()))
