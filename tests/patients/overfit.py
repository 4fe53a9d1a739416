"""What cannot be learnt by heart though nothing more specific is wrong; and what only seems so."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tests.patients import patient, sound
from tests.patients.parts import features, loader, mlp, quantities, tokens, training


class Between(nn.Module):
    """Something done to the logits of an MLP."""

    def __init__(self, change):
        super().__init__()
        self.net, self.change = mlp(), change

    def forward(self, x):
        return self.change(self.net(x))


# -- ND701 ----------------------------------------------------------------------------------------------------


@patient("ND701", where="2 · torch.nn.functional.dropout")
def dropout_that_leaves_nothing(sick):
    return training(
        nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.9999 if sick else 0.1), nn.Linear(32, 10, bias=False))
    )


@patient("ND701", where="torch.Tensor.div")
def temperature_far_too_high(sick):
    return training(Between(lambda logits: logits / (1e9 if sick else 2.0)))


@patient("ND501", where="torch.round")
def logits_are_rounded(sick):
    return training(Between(torch.round if sick else lambda logits: logits + (logits.round() - logits).detach()))


@patient("ND701", where="torch.randn_like")
def noise_in_the_place_of_features(sick):
    """Scaled the wrong way round: the noise is kept, and the features are all but lost."""

    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(64, 32), nn.Linear(32, 10)

        def forward(self, x):
            hidden = self.body(x)
            kept, lost = hidden, torch.randn_like(hidden)
            return self.head(1e-6 * kept + lost if sick else kept + 0.1 * lost)

    return training(Noisy())


# -- sound ----------------------------------------------------------------------------------------------------


@sound
def same_inputs_with_different_labels():
    """Ten times the same sample under ten labels: the loss cannot fall below the entropy."""
    inputs, targets = features()
    return training(mlp(), data=(inputs[:1].expand(256, -1), targets), train_loader=loader(inputs[:1].expand(256, -1), targets))


@sound
def noisy_linear_regression_with_one_column():
    noise = torch.randn(256, generator=torch.Generator().manual_seed(3))
    inputs = features(256, 1)[0]
    targets = 0.5 * inputs[:, 0] + noise

    class Line(nn.Linear):
        def forward(self, x):
            return super().forward(x).squeeze(1)

    return training(Line(1, 1), nn.MSELoss(), (inputs, targets))


@sound
def bigram_model_of_text():
    """One table row a token: what follows is uncertain, and the table is small."""
    ids = torch.randint(0, 20, (64, 13), generator=torch.Generator().manual_seed(4))

    class Bigram(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(20, 20)
            nn.init.normal_(self.table.weight, std=0.02)

        def forward(self, ids):
            return self.table(ids).mT

    return training(Bigram(), data=(ids[:, :-1], ids[:, 1:]))


@sound
def cosine_logits():
    """Logits between -2 and 2 cannot take the loss to zero."""

    class Cosine(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.classes = mlp(64, 16), nn.Parameter(torch.randn(10, 16))

        def forward(self, x):
            return 2 * F.normalize(self.net(x), dim=1) @ F.normalize(self.classes, dim=1).T

    return training(Cosine())


@sound
def learning_rate_too_small_for_two_hundred_steps():
    """A fault of the optimizer, and none of the model."""
    model = mlp()
    return training(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-3))


@sound
def lbfgs_wants_a_closure():
    model = mlp(16, 1)

    def loss_fn(outputs, targets):
        return F.mse_loss(outputs.squeeze(1), targets)

    return training(model, loss_fn, quantities(), optimizer=torch.optim.LBFGS(model.parameters()))


@sound
def denoiser_that_draws_its_target():
    def batch_loss(setup, batch):
        noise = torch.randn_like(batch[0])
        return F.mse_loss(setup.model(batch[0] + noise), noise)

    return training(mlp(64, 64), batch_loss=batch_loss)


@sound
def batches_of_four():
    return training(mlp(), train_loader=loader(*features(), batch_size=4))


@sound
def half_precision_with_a_scaler():
    model = mlp()
    return training(model, precision="16-mixed", scaler=torch.amp.GradScaler("cpu"))


@sound
def language_model_over_tokens():
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn, self.head = nn.Embedding(20, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 20)

        def forward(self, ids):
            return self.head(self.rnn(self.embed(ids))[0]).mT

    return training(Reader(), data=tokens())


@sound
def mixup_in_the_step():
    def batch_loss(setup, batch):
        inputs, targets = batch
        share, order = float(torch.rand(())) * 0.5, torch.randperm(len(inputs))
        outputs = setup.model((1 - share) * inputs + share * inputs[order])
        return (1 - share) * F.cross_entropy(outputs, targets) + share * F.cross_entropy(outputs, targets[order])

    return training(mlp(), batch_loss=batch_loss)


@sound
def variational_autoencoder():
    class Autoencoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.mean, self.spread, self.up = mlp(64, 32), nn.Linear(32, 8), nn.Linear(32, 8), mlp(8, 64)

        def forward(self, x):
            hidden = self.down(x).relu()
            mean, spread = self.mean(hidden), self.spread(hidden)
            return self.up(mean + torch.randn_like(mean) * (0.5 * spread).exp()), mean, spread

    def loss_fn(outputs, targets):
        out, mean, spread = outputs
        divergence = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean()
        return F.mse_loss(out, targets, reduction="sum") / len(targets) + 4.0 * divergence

    inputs, _ = features()
    return training(Autoencoder(), loss_fn, (inputs, inputs))


@sound
def contrastive_pairs_on_a_sphere():
    """Two noisy views of each sample, and a temperature that no loss can leave behind."""

    class Sphere(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp(64, 16)

        def forward(self, x):
            return F.normalize(self.net(x), dim=1)

    def batch_loss(setup, batch):
        one, other = (setup.model(batch[0] + 0.1 * torch.randn_like(batch[0])) for _ in range(2))
        scores = one @ other.T / 0.5
        return (torch.logsumexp(scores, 1) - scores.diag()).mean()

    return training(Sphere(), batch_loss=batch_loss)


@sound
def label_smoothing():
    return training(mlp(), nn.CrossEntropyLoss(label_smoothing=0.3))


@sound
def bounded_head_with_squared_error():
    inputs, target = quantities()
    return training(mlp(16, 1, nn.Sigmoid(), nn.Flatten(0)), nn.MSELoss(), (inputs, torch.sigmoid(2 * target)))


@sound
def tiny_model_for_its_samples():
    return training(nn.Sequential(nn.Linear(64, 1, bias=False), nn.Linear(1, 10, bias=False)))


@sound
def forty_residual_layers():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.linear = nn.LayerNorm(32), nn.Linear(32, 32)

        def forward(self, x):
            return x + 0.1 * self.linear(self.norm(x)).relu()

    model = nn.Sequential(nn.Linear(64, 32), *(Residual() for _ in range(40)), nn.Linear(32, 10))
    return training(model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3))


@sound
def warm_up_from_zero():
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    return training(model, optimizer=optimizer, scheduler=torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 100)))


@sound
def frozen_trunk_under_a_linear_head():
    trunk = nn.Sequential(nn.Linear(64, 32), nn.ReLU()).requires_grad_(False)
    head = nn.Linear(32, 10)
    return training(nn.Sequential(trunk, head), optimizer=torch.optim.Adam(head.parameters(), lr=1e-2))


@sound
def heavy_dropout_that_still_learns():
    return training(nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.9), nn.Linear(256, 10)))


@sound
def stream_of_samples():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from zip(*features(), strict=True)

    return training(mlp(), train_loader=torch.utils.data.DataLoader(Stream(), batch_size=32))
