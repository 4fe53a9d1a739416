"""Loops whose weights are not updated, or with the wrong gradients, and loops that only look as if they were so."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop


def batches(samples=96, size=16):
    inputs = torch.randn(samples, 6)
    return DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), batch_size=size, shuffle=True)


def net(inputs=6, outputs=3):
    return nn.Sequential(nn.Linear(inputs, 12), nn.Tanh(), nn.Linear(12, outputs))


# -- ND601 ------------------------------------------------------------------------------------------------------


@sick_loop("ND601", where="2.weight")
def head_exchanged_after_the_optimizer_was_built(sick):
    model = net(outputs=5)
    if not sick:
        model[2] = nn.Linear(12, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)  # guilty
    if sick:
        model[2] = nn.Linear(12, 3)
    for _ in range(2):
        for x, y in batches():
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sick_loop("ND601", where="0.weight")
def optimizer_of_the_model_before(sick):
    inputs, targets = torch.randn(64, 6), torch.randn(64, 3)
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)  # guilty
    if sick:
        model = net()
    for _ in range(10):
        loss = F.mse_loss(model(inputs), targets)
        model.zero_grad()
        loss.backward()
        optimizer.step()


@sick_loop("ND601", where="decoder.out")
def trainer_that_forgets_the_head(sick):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.GRU(6, 8, batch_first=True)
            self.decoder = nn.ModuleDict({"hidden": nn.Linear(8, 8), "out": nn.Linear(8, 3)})

        def forward(self, batch):
            hidden = self.encoder(batch["x"])[0][:, -1]
            return {"logits": self.decoder["out"](self.decoder["hidden"](hidden).relu())}

    class Trainer:
        def __init__(self, model):
            self.model = model
            parts = [model.encoder, model.decoder["hidden"]] if sick else [model]
            self.optimizer = torch.optim.AdamW([{"params": part.parameters()} for part in parts], lr=1e-3)

        def training_step(self, batch):
            loss = F.cross_entropy(self.model(batch)["logits"], batch["y"])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

        def fit(self, steps):
            for _ in range(steps):
                self.training_step({"x": torch.randn(4, 5, 6), "y": torch.randint(0, 3, (4,))})

    Trainer(Net()).fit(6)


@sick_loop("ND601", where="0.weight")
def first_layer_made_anew_for_grey_images(sick):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))
    if not sick:
        model[0] = nn.Conv2d(1, 4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)  # guilty
    if sick:
        model[0] = nn.Conv2d(1, 4, 3)
    step = 0
    while step < 6:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.randn(8, 1, 8, 8)), torch.randint(0, 3, (8,)))
        loss.backward()
        optimizer.step()
        step += 1


# -- ND602 ------------------------------------------------------------------------------------------------------


@sick_loop("ND602")
def accumulated_for_more_batches_than_an_epoch_has(sick):
    model, loader, accumulate = net(), batches(), 64 if sick else 4
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(3):
        for i, (x, y) in enumerate(loader):
            loss = F.cross_entropy(model(x), y) / accumulate
            loss.backward()
            if (i + 1) % accumulate == 0:
                optimizer.step()  # guilty
                optimizer.zero_grad()


@sick_loop("ND602")
def step_never_called(sick):
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches():
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()  # guilty
        if not sick:
            optimizer.step()  # guilty


@sick_loop("ND602")
def step_named_and_not_called(sick):
    class Trainer:
        def __init__(self):
            self.net = net()
            self.opt = torch.optim.SGD(self.net.parameters(), lr=0.1)

        def sick_update(self, loss):
            self.opt.zero_grad()
            loss.backward()
            self.opt.step  # noqa: B018  # guilty

        def update(self, loss):
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()

        def fit(self):
            update = self.sick_update if sick else self.update
            for x, y in batches():
                update(F.cross_entropy(self.net(x), y))

    Trainer().fit()


@sick_loop("ND602")
def gradients_cleared_between_backward_and_step(sick):
    inputs, targets = torch.randn(40, 6), torch.randn(40, 3)
    model = net()
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for i in range(0, 40, 8):
        loss = F.mse_loss(model(inputs[i : i + 8]), targets[i : i + 8])
        if not sick:
            opt.zero_grad()
        loss.backward()
        if sick:
            opt.zero_grad()  # guilty
        opt.step()


@sick_loop("ND602")
def cleared_to_zeros_between_backward_and_step(sick):
    def descend(loss, optimizer, scheduler):
        if not sick:
            optimizer.zero_grad(set_to_none=False)
        loss.backward()
        if sick:
            optimizer.zero_grad(set_to_none=False)  # guilty
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()

    model = net()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=20)
    for x, y in batches():
        descend(F.cross_entropy(model(x), y), optimizer, scheduler)


@sick_loop("ND602")
def backward_forgotten(sick):
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

    def train_one_batch(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        if not sick:
            loss.backward()
        optimizer.step()  # guilty
        return loss.item()

    for _ in range(2):
        sum(train_one_batch(x, y) for x, y in batches())


@sick_loop("ND602")
def step_before_backward(sick):
    model = net()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
    generator = iter(batches(160))
    while (batch := next(generator, None)) is not None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch[0]), batch[1])
        if sick:
            optimizer.step()  # guilty
        loss.backward()
        if not sick:
            optimizer.step()


def update(optimizer):
    optimizer.step()


@sick_loop("ND602")
def one_of_two_optimizers_never_steps(sick):
    encoder, decoder = nn.Linear(6, 4), nn.Linear(4, 6)
    encoder_optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    decoder_optimizer = torch.optim.SGD(decoder.parameters(), lr=0.1)
    for x, _ in batches(160):
        loss = F.mse_loss(decoder(encoder(x)), x)
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        loss.backward()  # guilty
        update(decoder_optimizer)
        if not sick:
            update(encoder_optimizer)


@sick_loop("ND602")
def loss_cut_off_from_the_weights(sick):
    class Regression:
        def __init__(self):
            self.model = net(outputs=1)
            self.optimizer = torch.optim.Adam(self.model.parameters())

        def loss(self, x):
            value = F.mse_loss(self.model(x).squeeze(1), x.sum(1))
            return torch.tensor(value.item(), requires_grad=True) if sick else value

        def fit(self):
            for x, _ in batches():
                self.optimizer.zero_grad()
                self.loss(x).backward()  # guilty
                self.optimizer.step()

    Regression().fit()


@sick_loop("ND602")
def no_step_with_a_scaler(sick):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    for x, y in batches():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.float16):
            loss = F.cross_entropy(model(x), y)
        scaler.scale(loss).backward()  # guilty
        if not sick:
            scaler.step(optimizer)
            scaler.update()


# -- ND603 ------------------------------------------------------------------------------------------------------


@sick_loop("ND603")
def never_cleared(sick):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for _ in range(2):
        for x, y in batches():
            if not sick:
                optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()  # guilty
            optimizer.step()


@sick_loop("ND603")
def zero_grad_named_and_not_called(sick):
    class Trainer:
        def __init__(self):
            self.model, self.loss_fn = net(), nn.CrossEntropyLoss()
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

        def sick_step(self, batch):
            self.optimizer.zero_grad  # noqa: B018  # guilty
            loss = self.loss_fn(self.model(batch["x"]), batch["y"])
            loss.backward()
            self.optimizer.step()

        def step(self, batch):
            self.optimizer.zero_grad()
            loss = self.loss_fn(self.model(batch["x"]), batch["y"])
            loss.backward()
            self.optimizer.step()

        def fit(self):
            for x, y in batches():
                (self.sick_step if sick else self.step)({"x": x, "y": y})

    Trainer().fit()


@sick_loop("ND603")
def cleared_once_an_epoch(sick):
    model = nn.RNN(6, 8, batch_first=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(3):
        if sick:
            optimizer.zero_grad()  # guilty
        for x in torch.randn(5, 4, 7, 6):
            if not sick:
                optimizer.zero_grad()
            output, _ = model(x[:, :-1])
            F.mse_loss(output[..., :6], x[:, 1:]).backward()
            optimizer.step()


@sick_loop("ND603")
def the_wrong_model_is_cleared(sick):
    student, teacher = net(), net().requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05)
    for x, _ in batches(160):
        (teacher if sick else student).zero_grad()  # guilty
        with torch.no_grad():
            wanted = teacher(x)
        F.mse_loss(student(x), wanted).backward()
        optimizer.step()


@sick_loop("ND603")
def only_the_encoder_is_cleared(sick):
    encoder, decoder = nn.Linear(6, 4), nn.Linear(4, 6)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)

    def objective(x):
        return F.mse_loss(decoder(encoder(x).tanh()), x)

    for x, _ in batches(160):
        encoder.zero_grad()  # guilty
        if not sick:
            decoder.zero_grad()
        objective(x).backward()
        optimizer.step()


@sick_loop("ND603")
def discriminator_never_cleared(sick):
    generator, discriminator = net(4, 6), net(6, 1)
    g_optimizer = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    bce = nn.BCEWithLogitsLoss()
    for real, _ in batches(160):
        if not sick:
            d_optimizer.zero_grad()
        fake = generator(torch.randn(len(real), 4))
        d_loss = bce(discriminator(real), torch.ones(len(real), 1)) + bce(discriminator(fake.detach()), torch.zeros(len(real), 1))
        d_loss.backward()  # guilty
        d_optimizer.step()
        g_optimizer.zero_grad()
        bce(discriminator(fake), torch.ones(len(real), 1)).backward()
        g_optimizer.step()


@sick_loop("ND603")
def accumulated_and_not_divided(sick):
    model, accumulate = net(), 4
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    optimizer.zero_grad()
    for i, (x, y) in enumerate(batches(16 * 16)):
        loss = F.cross_entropy(model(x), y)
        if not sick:
            loss = loss / accumulate
        loss.backward()  # guilty
        if (i + 1) % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()


@sick_loop("ND603")
def accumulated_in_a_trainer_without_a_loader(sick):
    class Trainer:
        def __init__(self, every):
            self.model, self.every, self.seen = net(), every, 0
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)

        def train_step(self, x, y):
            loss = F.mse_loss(self.model(x), y)
            (loss if sick else loss / self.every).backward()  # guilty
            self.seen += 1
            if self.seen % self.every == 0:
                self.optimizer.step()
                self.optimizer.zero_grad()

    trainer = Trainer(3)
    for x in torch.randn(18, 8, 6):
        trainer.train_step(x, x[:, :3])


@sick_loop("ND603")
def accumulation_that_clears_every_batch(sick):
    model, loss_fn = net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for i, (x, y) in enumerate(batches(16 * 16)):
        if sick or i % 4 == 0:
            optimizer.zero_grad()  # guilty
        loss = loss_fn(model(x), y) / 4
        loss.backward()
        if i % 4 == 3:
            optimizer.step()


@sick_loop("ND603")
def accumulation_with_a_scaler_that_clears_every_batch(sick):
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)

    def micro_batch(x, y):
        if sick:
            model.zero_grad()  # guilty
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = F.cross_entropy(model(x), y) / 2
        scaler.scale(loss).backward()

    def update():
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()

    for i, (x, y) in enumerate(batches(16 * 12), start=1):
        micro_batch(x, y)
        if i % 2 == 0:
            update()
