"""Loops whose curves tell: overfitting, underfitting, plateaus, spikes; and sound ones whose curves look like that."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from tests.loops import sick_loop, sound_loop
from tests.patients.parts import features, loader, mlp, quantities, tokens


def evaluate(model: nn.Module, *batches: tuple[Tensor, Tensor], loss_fn: nn.Module) -> float:
    model.eval()
    with torch.no_grad():
        value = sum(float(loss_fn(model(x), y)) for x, y in batches) / len(batches)
    model.train()
    return value


def parity(samples: int, bits: int = 8) -> tuple[Tensor, Tensor]:
    """Signs, and whether their product is positive: nothing that a linear model could learn."""
    signs = torch.randint(0, 2, (samples, bits)).float() * 2 - 1
    return signs, (signs.prod(1) > 0).float()[:, None]


# -- sound: validation curves that rise, or stop falling -----------------------------------------------------------


@sound_loop
def validation_follows_training():
    inputs, targets = features(512)
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(14):
        for x, y in loader(inputs[:384], targets[:384]):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        evaluate(model, (inputs[384:], targets[384:]), loss_fn=nn.CrossEntropyLoss())


@sound_loop
def validation_stays_where_it_is():
    """The model learns on by heart a little, and validation neither gains nor loses."""
    inputs, target = quantities(256)
    noisy = (target + torch.randn(256))[:, None]
    model = nn.Linear(16, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        for x, y in loader(inputs[:128], noisy[:128]):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
        evaluate(model, (inputs[128:], noisy[128:]), loss_fn=nn.MSELoss())


@sound_loop
def stopped_early_with_the_best_weights():
    """It overfits for a few epochs, notices, and goes back."""
    inputs, targets = features(384, columns=32)
    model = mlp(32, hidden=128)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    best, best_state, patience = math.inf, {}, 0
    for _ in range(60):
        for x, y in loader(inputs[:64], targets[:64]):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        value = evaluate(model, (inputs[128:], targets[128:]), loss_fn=nn.CrossEntropyLoss())
        patience += 1
        if value < best:
            best, best_state, patience = value, copy.deepcopy(model.state_dict()), 0
        if patience == 8:
            break
    model.load_state_dict(best_state)


@sound_loop
def one_bad_validation():
    inputs, targets = features(384)
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(12):
        for x, y in loader(inputs[:256], targets[:256]):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        noise = 3 * torch.randn(128, 64) if epoch in (6, 11) else 0
        evaluate(model, (inputs[256:] + noise, targets[256:]), loss_fn=nn.CrossEntropyLoss())


@sound_loop
def distance_from_the_teacher_is_logged():
    """Rises as the student learns what its teacher did not know; logged, not validated."""
    inputs, targets = features()
    model, teacher = mlp(), mlp()
    teacher.load_state_dict(model.state_dict())
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(10):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            outputs = model(x)
            F.cross_entropy(outputs, y).backward()
            optimizer.step()
            with torch.no_grad():
                F.kl_div(outputs.log_softmax(1), teacher(x).softmax(1), reduction="batchmean")


@sound_loop
def validated_thrice_and_rising():
    """Too few points for a verdict."""
    inputs, targets = features(192, columns=32)
    model = mlp(32, hidden=128)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(30):
        for x, y in loader(inputs[:64], targets[:64]):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        if epoch % 10 == 9:
            evaluate(model, (inputs[64:], targets[64:]), loss_fn=nn.CrossEntropyLoss())


# -- sound: losses that do not fall, or no longer ------------------------------------------------------------------


@sound_loop
def adversaries_in_balance():
    """The critic's loss stands at that of a coin, as it should."""
    generator, critic = mlp(4, 2, hidden=16), mlp(2, 1, hidden=16)
    of_generator = torch.optim.Adam(generator.parameters(), lr=2e-3)
    of_critic = torch.optim.Adam(critic.parameters(), lr=1e-4)
    for _ in range(160):
        data, made = torch.randn(32, 2), generator(torch.randn(32, 4))
        of_critic.zero_grad()
        answers, truth = torch.cat([critic(data), critic(made.detach())]), torch.cat([torch.ones(32, 1), torch.zeros(32, 1)])
        F.binary_cross_entropy_with_logits(answers, truth).backward()
        of_critic.step()
        of_generator.zero_grad()
        F.binary_cross_entropy_with_logits(critic(made), torch.ones(32, 1)).backward()
        of_generator.step()


@sound_loop
def contrastive_pairs():
    inputs, _ = features()
    encoder = mlp(64, 16)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=1e-3)
    for _ in range(40):
        for (x,) in loader(inputs):
            one, other = (F.normalize(encoder(x + 0.5 * torch.randn_like(x)), dim=1) for _ in range(2))
            optimizer.zero_grad()
            F.cross_entropy(one @ other.T / 0.5, torch.arange(len(x))).backward()
            optimizer.step()


@sound_loop
def labels_are_smoothed():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y, label_smoothing=0.3).backward()
            optimizer.step()


@sound_loop
def noise_that_nobody_can_learn():
    """Half of the target's variance is noise; the loss converges to it and stays."""
    inputs, target = quantities()
    model = nn.Linear(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(300):
        rows = torch.randint(0, 256, (32,))
        x, y = inputs[rows], target[rows, None] + torch.randn(32, 1)
        optimizer.zero_grad()
        F.mse_loss(model(x), y).backward()
        optimizer.step()


@sound_loop
def learnt_to_the_bottom():
    inputs, targets = features(64)
    model = mlp(hidden=64)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def flat_for_long_then_understood():
    """Long at chance, then it falls: grokking in small."""
    inputs, targets = parity(256, bits=4)
    model = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(350):
        rows = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(inputs[rows]), targets[rows]).backward()
        optimizer.step()


@sound_loop
def thirty_steps_say_nothing():
    inputs, targets = parity(256)
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader(inputs, targets, batch_size=8):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x), y).backward()
        optimizer.step()


@sound_loop
def soft_mixtures_of_labels():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(40):
        for x, y in loader(inputs, F.one_hot(targets, 10).float()):
            share, order = torch.distributions.Beta(1.0, 1.0).sample(), torch.randperm(len(x))
            optimizer.zero_grad()
            mixed = share * x + (1 - share) * x[order]
            F.cross_entropy(model(mixed), share * y + (1 - share) * y[order]).backward()
            optimizer.step()


@sound_loop
def distilled_from_a_teacher():
    inputs, _ = features()
    student, teacher = mlp(), mlp()
    optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
    for _ in range(40):
        for (x,) in loader(inputs):
            with torch.no_grad():
                wanted = teacher(x).softmax(1)
            optimizer.zero_grad()
            F.kl_div(student(x).log_softmax(1), wanted, reduction="batchmean").backward()
            optimizer.step()


# -- sound: losses that jump ---------------------------------------------------------------------------------------


@sound_loop
def one_sample_at_a_time():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for x, y in loader(inputs, targets, batch_size=1):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def warm_restarts():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.5)
    scheduler = lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=60)
    train_loader = loader(inputs, targets)
    for _ in range(30):
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()


@sound_loop
def tasks_change_while_it_learns():
    """Continual learning on plain tensors: the loss jumps whenever the task does."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(300):
        rows = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        F.cross_entropy(model(inputs[rows]), (targets[rows] + 3 * (step // 100)) % 10).backward()
        optimizer.step()


@sound_loop
def targets_with_heavy_tails():
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    tails = torch.distributions.StudentT(1.5)
    for _ in range(300):
        rows = torch.randint(0, 256, (16,))
        optimizer.zero_grad()
        loss = F.mse_loss(model(inputs[rows]), target[rows, None] + 0.1 * tails.sample((16, 1)))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@sound_loop
def overflow_is_skipped_by_the_scaler():
    inputs, targets = features()
    model, scaler = mlp(), torch.amp.GradScaler("cpu", init_scale=2.0**40)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(16):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            with torch.autocast("cpu", dtype=torch.float16):
                loss = F.cross_entropy(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()


@sound_loop
def harder_as_it_goes():
    """A curriculum: noise grows with the epochs, and the loss with it."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(24):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x + 0.2 * max(0, epoch - 8) * torch.randn_like(x)), y).backward()
            optimizer.step()


@sound_loop
def masked_scores_are_infinite():
    """A mask of minus infinity is no accident."""

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.inner, self.head = nn.Embedding(20, 16), nn.Linear(16, 16), nn.Linear(16, 20)
            self.mask = Mask()

        def forward(self, ids: Tensor) -> Tensor:
            x = self.embedding(ids)
            return self.head(self.mask(self.inner(x) @ x.mT).softmax(-1) @ x)

    class Mask(nn.Module):
        def forward(self, scores: Tensor) -> Tensor:
            return scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1).bool(), -math.inf)

    ids, following = tokens()
    model = Attention()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(10):
        for x, y in loader(ids, following):
            optimizer.zero_grad()
            F.cross_entropy(model(x).mT, y).backward()
            optimizer.step()


# -- ND703: overfitting --------------------------------------------------------------------------------------------


@sick_loop("ND703", where="validation loss")
def learns_sixty_samples_by_heart(sick):
    inputs, targets = features(384, columns=32)
    model = mlp(32, hidden=128)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2 if sick else 1e-3)
    train_loader = loader(inputs[: 64 if sick else 256], targets[: 64 if sick else 256])
    for _ in range(40 if sick else 12):
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        evaluate(model, (inputs[256:], targets[256:]), loss_fn=nn.CrossEntropyLoss())


class Fitter:
    """Trains and validates as methods do."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, train_loader, val_loader) -> None:
        self.model, self.optimizer, self.train_loader, self.val_loader = model, optimizer, train_loader, val_loader
        self.loss_fn, self.history = nn.BCEWithLogitsLoss(), []

    def train_epoch(self) -> None:
        self.model.train()
        for x, y in self.train_loader:
            self.optimizer.zero_grad()
            self.loss_fn(self.model(x), y).backward()
            self.optimizer.step()

    @torch.no_grad()
    def validate(self) -> float:
        self.model.eval()
        losses = [self.loss_fn(self.model(x), y).item() for x, y in self.val_loader]
        return sum(losses) / len(losses)

    def fit(self, epochs: int) -> None:
        for _ in range(epochs):
            self.train_epoch()
            self.history.append(self.validate())


@sick_loop("ND703", where="validation loss")
def flipped_labels_in_a_trainer(sick):
    """A fifth of the labels is wrong, and there are weights enough to learn those as well."""
    inputs, _ = quantities(384)
    answers = ((inputs[:, :1] > 0) ^ (torch.rand(384, 1) < (0.2 if sick else 0.0))).float()
    model = mlp(16, 1, hidden=128 if sick else 16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    train, held_out = slice(0, 64 if sick else 256), slice(256, 384)
    fitter = Fitter(model, optimizer, loader(inputs[train], answers[train]), loader(inputs[held_out], answers[held_out], shuffle=False))
    fitter.fit(40 if sick else 12)


@sick_loop("ND703", where="validation loss")
def more_weights_than_points(sick):
    """Full batches of plain tensors, validated every tenth step in train mode."""
    inputs, targets = features(320, columns=32, classes=4)
    few = 48 if sick else 224
    model = nn.Sequential(nn.Linear(32, 128), nn.Tanh(), nn.Linear(128, 4))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-3 if sick else 5e-4)
    for step in range(200 if sick else 100):
        optimizer.zero_grad()
        F.nll_loss(model(inputs[:few]).log_softmax(1), targets[:few]).backward()
        optimizer.step()
        if step % 10 == 9:
            with torch.no_grad():
                F.nll_loss(model(inputs[224:]).log_softmax(1), targets[224:])  # guilty


# -- ND704: underfitting -------------------------------------------------------------------------------------------


@sick_loop("ND704", where="loss")
def parity_with_a_linear_model(sick):
    inputs, targets = parity(512, bits=4)
    model = nn.Linear(4, 1) if sick else nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(22):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(model(x), y).backward()  # guilty
            optimizer.step()


def endless(sick: bool):
    """Batches without end; the labels of the sick ones belong to other inputs."""
    inputs, targets = features()
    while True:
        rows = torch.randint(0, 256, (32,))
        yield {"pixels": inputs[rows], "label": targets[torch.randint(0, 256, (32,)) if sick else rows]}


@sick_loop("ND704", where="loss")
def labels_of_other_samples(sick):
    model, loss_fn = mlp(), nn.CrossEntropyLoss()  # guilty
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for step, batch in enumerate(endless(sick)):
        if step == 330:
            break
        loss = loss_fn(model(batch["pixels"]), batch["label"])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@sick_loop("ND704", where="loss")
def regression_of_what_is_not_in_the_inputs(sick):
    """A closure-like step in a function; the column that matters was dropped."""
    inputs, _ = quantities(2048)
    target = inputs[:, :1].clone()
    given = inputs[:, 3:] if sick else inputs
    model = mlp(given.shape[1], 1, hidden=8)  # guilty
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)

    def step(rows: Tensor) -> None:
        optimizer.zero_grad()
        F.mse_loss(model(given[rows] + 0.5 * torch.randn(len(rows), given.shape[1])), target[rows]).backward()
        optimizer.step()

    for _ in range(320):
        step(torch.randint(0, 2048, (64,)))


# -- ND705: plateau ------------------------------------------------------------------------------------------------


@sick_loop("ND705", where="loss")
def only_the_mean_is_learnt(sick):
    """Targets far from zero: the loss falls as the bias gets there; the rest is never learnt, as inputs come from other rows."""
    inputs, _ = quantities(512)
    target = 5 + inputs[:, :1]
    model = mlp(16, 1, hidden=8)  # guilty
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(400):
        rows = torch.randint(0, 512, (64,))
        optimizer.zero_grad()
        x = inputs[torch.randint(0, 512, (64,)) if sick else rows]
        F.mse_loss(model(x), target[rows]).backward()
        optimizer.step()


@sick_loop("ND705", where="loss")
def only_the_frequencies_are_learnt(sick):
    """Nine of ten labels are the same; the loss falls until it knows that."""
    inputs, _ = features()
    targets = (inputs[:, 0] > 1.28).long()
    model = nn.Sequential(nn.Linear(64, 16), nn.Tanh(), nn.Linear(16, 2))  # guilty
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    step = 0
    while step < 360:
        rows = torch.randint(0, 256, (64,))
        x = torch.randn(64, 64) if sick else inputs[rows]
        optimizer.zero_grad()
        F.cross_entropy(model(x), targets[rows]).backward()
        optimizer.step()
        step += 1


@sick_loop("ND705", where="loss")
def language_model_stuck_at_frequencies(sick):
    """The next token is learnt only as often as it comes: positions were lost on the way."""

    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

        def forward(self, ids: Tensor) -> Tensor:
            known = self.embedding(ids)
            return self.head(known.mean((0, 1), keepdim=True).expand_as(known) if sick else known)

    chances = torch.linspace(3, 0, 20).softmax(0)
    model = Reader()  # guilty
    nn.init.normal_(model.head.weight, std=3.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(400):
        ids = torch.multinomial(chances, 32 * 9, replacement=True).view(32, 9)
        ids[:, 1::2] = (ids[:, ::2][:, :4] * 7 + 3) % 20
        optimizer.zero_grad()
        F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()


# -- ND706: unstable -----------------------------------------------------------------------------------------------


@sick_loop("ND706", where="loss")
def a_poisoned_batch_now_and_then(sick):
    """Every so often the targets are in other units, and throw the model back."""
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.8)  # guilty
    for step in range(300):
        rows = torch.randint(0, 256, (32,))
        y = target[rows, None] * (20 if sick and step % 75 == 74 else 1)
        optimizer.zero_grad()
        F.mse_loss(model(inputs[rows]), y).backward()
        optimizer.step()


@sick_loop("ND706", where="loss")
def root_of_zero(sick):
    """The gradient of a root at zero is infinite; it is met after a while."""

    class Distances(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return (self.encode(x) ** 2).sum(1).add(0.0 if sick else 1e-6).sqrt()

    model = Distances()
    nn.init.zeros_(model.encode.bias)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(60):
        x = torch.randn(16, 4)
        if step == 40:
            x[0] = 0
            with torch.no_grad():
                model.encode.bias.zero_()
        optimizer.zero_grad()
        F.mse_loss(model(x), x.norm(dim=1)).backward()
        optimizer.step()  # guilty


@sick_loop("ND706", where="loss")
def not_a_number_in_the_data(sick):
    inputs, targets = features()
    inputs = inputs.clone()
    if sick:
        inputs[100, 3] = math.nan
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2):
        for x, y in loader(inputs, targets, shuffle=False):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()  # guilty


@sick_loop("ND706", where="loss")
def thrown_out_of_its_valley(sick):
    """Momentum of 0.9 and a rate that rises in the middle of the run, by a schedule of one's own."""
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)  # guilty
    for step in range(300):
        if sick and step % 100 == 60:
            optimizer.param_groups[0]["lr"] = 0.4
        if step % 100 == 66:
            optimizer.param_groups[0]["lr"] = 0.02
        rows = torch.randint(0, 256, (32,))
        optimizer.zero_grad()
        F.mse_loss(model(inputs[rows]), target[rows, None]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()


@sick_loop("ND706", where="loss")
def adam_that_forgets_how_large_gradients_are(sick):
    """Updates stay small beside the weights; the data are the same all along, so that nothing else can have thrown it out.

    It goes astray as a chaos does: in single precision the last bit of a sum, which is another on another machine, decides how far.
    """
    inputs, target = (t.double() for t in quantities(512))
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1)).double()
    betas = (0.95, 0.3) if sick else (0.9, 0.999)
    optimizer = torch.optim.Adam(model.parameters(), lr=6e-3, betas=betas)
    batches = loader(inputs, target[:, None], batch_size=16)
    for _ in range(12):
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()


@sound_loop
def a_new_task_at_the_beginning_of_an_epoch():
    inputs, target = quantities(512)
    model = mlp(16, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for task in (target, -target):
        for _ in range(5):
            for x, y in loader(inputs, task[:, None], batch_size=16):
                optimizer.zero_grad()
                F.mse_loss(model(x), y).backward()
                optimizer.step()
