"""Noise on the inputs that drowns them, and noise that is meant to be as strong."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from nbdebug import TrainingSetup
from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, training


def with_loss(model, batch_loss):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return TrainingSetup(model=model, optimizer=optimizer, train_loader=loader(*features()), batch_loss=batch_loss)


@patient("ND608", where="torch.Tensor.add")
def jitter_of_ten_times_the_inputs(sick):
    def batch_loss(setup, batch):
        x, y = batch
        return F.cross_entropy(setup.model(x + (10.0 if sick else 0.1) * torch.randn_like(x)), y)

    return with_loss(mlp(), batch_loss)


@patient("ND608", where="net")
def noise_layer_in_front_of_all_others(sick):
    class Noisy(nn.Module):
        def forward(self, x):
            return x.clone().add_(torch.empty_like(x).normal_(0, 8.0 if sick else 0.2)) if self.training else x

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(Noisy(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))

        def forward(self, x):
            return self.net(x)

    return training(Classifier())


@sound
def noise_that_is_the_target():
    """As in diffusion: the model is asked for the noise, up to strengths where nothing of the input is left."""

    def batch_loss(setup, batch):
        noise = 20.0 * torch.randn_like(batch[0])
        return F.mse_loss(setup.model(batch[0] + noise) * 20.0, noise) / 400

    return with_loss(mlp(64, 64), batch_loss)


@sound
def noise_of_a_strength_of_its_own_for_each_sample():
    def batch_loss(setup, batch):
        x = batch[0]
        strength = torch.exp(2.0 * torch.randn(len(x), 1))
        noisy = x + strength * torch.randn_like(x)
        return F.mse_loss(setup.model(noisy / (1 + strength**2).sqrt()), x)

    return with_loss(mlp(64, 64), batch_loss)


@sound
def autoencoder_whose_code_is_drawn():
    class Variational(nn.Module):
        def __init__(self):
            super().__init__()
            self.encode, self.decode = nn.Linear(64, 8), nn.Linear(8, 64)

        def forward(self, x):
            code = 0.05 * self.encode(x)
            return self.decode(code + torch.randn_like(code))

    return with_loss(Variational(), lambda setup, batch: F.mse_loss(setup.model(batch[0]), batch[0]))


class _Stored(torch.utils.data.Dataset):
    """Samples with noise of a given strength, and what stands beside them: the class, or the sample without noise."""

    def __init__(self, strength, clean=False):
        self.inputs, self.targets = features()
        self.strength, self.clean = strength, clean

    def __len__(self):
        return len(self.inputs)

    def __getitem__(self, index):
        x = self.inputs[index]
        return x + self.strength * torch.randn_like(x), x if self.clean else self.targets[index]


@patient("ND608", where="torch.Tensor.add")
def noise_of_ten_in_the_collate_function(sick):
    def collate(samples):
        inputs = torch.stack([x for x, _ in samples])
        return inputs + (10.0 if sick else 0.1) * torch.randn_like(inputs), torch.stack([y for _, y in samples])

    inputs, targets = features()
    data = torch.utils.data.TensorDataset(inputs, targets)
    return training(mlp(), train_loader=torch.utils.data.DataLoader(data, batch_size=32, shuffle=True, collate_fn=collate))


@patient("ND608", where="torch.Tensor.add")
def noise_of_ten_in_the_dataset(sick):
    return training(mlp(), train_loader=torch.utils.data.DataLoader(_Stored(10.0 if sick else 0.1), batch_size=32, shuffle=True))


@sound
def denoiser_whose_dataset_hands_out_the_clean_sample():
    data = _Stored(6.0, clean=True)
    return training(mlp(64, 64), nn.MSELoss(), train_loader=torch.utils.data.DataLoader(data, batch_size=32, shuffle=True))
