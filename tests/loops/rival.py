"""Loops whose loss stands high, where another model or other steps do better; outputs drawn together; what is written to weights; and sound ones that look like these."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from tests.loops import sick_loop, sound_loop
from tests.loops.curves import evaluate
from tests.patients.parts import features, loader, mlp, quantities


def descend(model, loss_fn, data, epochs, *, lr=1e-2, after=None, optimizer=None):
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(epochs):
        for x, y in data:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
            if after is not None:
                after()


def bowl(samples=400, noise=0.05, slope=0.0):
    inputs = torch.randn(samples, 2)
    target = (inputs**2).sum(1, keepdim=True) + slope * inputs[:, :1]
    target = (target - target.mean()) / target.std()
    return inputs, target + noise * torch.randn(samples, 1)


@sick_loop("ND704", where="steps 0 to")
def a_plane_through_a_bowl(sick):
    model = nn.Linear(2, 1) if sick else mlp(2, 1, hidden=64)
    descend(model, nn.MSELoss(), loader(*bowl()), 25)


@sick_loop("ND704")
def ten_classes_through_a_neck_of_one(sick):
    inputs, targets = features(600, columns=16)
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 1 if sick else 32), nn.Tanh(), nn.Linear(1 if sick else 32, 10))
    descend(model, nn.CrossEntropyLoss(), loader(inputs, targets), 25)


@sick_loop("ND704")
def a_wave_that_turns_too_often(sick):
    """The coordinate alone, where sines and cosines of it would do."""
    places = torch.rand(800, 1) * 2 - 1
    heights = torch.sin(50 * places) + 0.03 * torch.randn(800, 1)
    turns = 6.0 * torch.arange(1, 12)
    seen = places / 0.58 if sick else torch.cat([places, torch.sin(turns * places), torch.cos(turns * places)], 1)
    model = mlp(seen.shape[1], 1, hidden=64)
    descend(model, nn.MSELoss(), loader(seen, heights), 20)


@sick_loop("ND705")
def slow_weights_that_never_move(sick):
    model = mlp(16, 1, hidden=48)
    slow, count = [p.detach().clone() for p in model.parameters()], [0]

    @torch.no_grad()
    def sync():
        count[0] += 1
        for p, s in zip(model.parameters(), slow, strict=True):
            if count[0] % 5 == 0:
                mean = s + 0.5 * (p - s)
                p.data = mean.clone()
                if not sick:
                    s.set_(mean)

    inputs, target = quantities(480)
    descend(model, nn.MSELoss(), loader(inputs, target[:, None]), 20, after=sync, lr=3e-3)


@sick_loop("ND705")
def weights_kept_in_too_small_a_box(sick):
    inputs, _ = quantities(480)
    targets = (inputs[:, :4].sum(1, keepdim=True) > 0).float()
    model, box = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1)), 0.02 if sick else 2.0

    def keep():
        with torch.no_grad():
            for p in model.parameters():
                p.clamp_(-box, box)  # guilty

    descend(model, nn.BCEWithLogitsLoss(), loader(inputs, targets), 15, after=keep)


@sick_loop("ND705")
def right_and_never_sure(sick):
    """Cosines between -0.5 and 0.5 as scores of ten classes."""

    class Cosines(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.kinds = nn.Linear(16, 32), nn.Parameter(torch.randn(10, 32))

        def forward(self, x):
            return (0.5 if sick else 10.0) * F.normalize(self.body(x), dim=1) @ F.normalize(self.kinds, dim=1).T

    kinds = torch.randn(10, 16)
    targets = torch.randint(0, 10, (600,))
    descend(Cosines(), nn.CrossEntropyLoss(), loader(kinds[targets] + 0.3 * torch.randn(600, 16), targets), 20)


@sick_loop("ND605", where="group 0")
def a_body_at_a_ten_thousandth_of_the_rate(sick):
    inputs = torch.randn(480, 2)
    targets = (inputs[:, 0] * inputs[:, 1] > 0).long()
    body, head = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 2), nn.Tanh()), nn.Linear(2, 2)
    optimizer = torch.optim.Adam([{"params": body.parameters(), "lr": 3e-7 if sick else 3e-3}, {"params": head.parameters(), "lr": 3e-3}])
    descend(nn.Sequential(body, head), nn.CrossEntropyLoss(), loader(inputs, targets), 20, optimizer=optimizer)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(16, 8), nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 16))

    def forward(self, x):
        mean, logvar = self.encode(x).chunk(2, 1)
        return self.decode(mean + torch.randn_like(mean) * (0.5 * logvar).exp() if self.training else mean), mean, logvar


@sick_loop("ND705", where="bound")
def a_bound_that_draws_all_codes_together(sick):
    model = Autoencoder()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

    def bound(x):
        drawn, mean, logvar = model(x)
        apart = -0.5 * (1 + logvar - mean**2 - logvar.exp()).sum(1).mean()
        return ((drawn - x) ** 2).sum(1).mean() + (30.0 if sick else 0.1) * apart  # guilty

    data = loader(torch.randn(480, 4) @ torch.randn(4, 16) * 0.5)
    for _ in range(20):
        for (x,) in data:
            optimizer.zero_grad()
            bound(x).backward()
            optimizer.step()


@sick_loop("ND706")
def a_rate_that_comes_back_too_high(sick):
    inputs, targets = features(600, columns=16)
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CyclicLR(optimizer, base_lr=0.01, max_lr=0.7 if sick else 0.05, step_size_up=60, cycle_momentum=False)  # guilty
    data = loader(inputs, targets)
    for _ in range(14):
        for x, y in data:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            scheduler.step()


@sick_loop("ND703", where="waited > patience")
def the_best_state_is_never_put_back(sick):
    inputs, targets = features(384, columns=32)
    model, data, patience = mlp(32, hidden=128), loader(inputs[:64], targets[:64]), 1000 if sick else 1
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    best, kept, waited = float("inf"), None, 0
    for _ in range(40):
        for x, y in data:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        value = evaluate(model, (inputs[256:], targets[256:]), loss_fn=nn.CrossEntropyLoss())
        waited = 0 if value < best else waited + 1
        if value < best:
            best, kept = value, copy.deepcopy(model.state_dict())
        if waited > patience:  # guilty
            model.load_state_dict(kept)
            break


@sick_loop("ND709", where="0.weight")
def rows_made_one_long_and_some_are_nothing(sick):
    inputs, targets = features(256, columns=16)
    model = mlp(16, hidden=61)

    @torch.no_grad()
    def shorten():
        model[0].weight[::9] = 0.0
        norm = model[0].weight.norm(dim=1, keepdim=True)
        model[0].weight.div_(norm if sick else norm.clamp(min=1e-6))

    descend(model, nn.CrossEntropyLoss(), loader(inputs, targets), 5, after=shorten, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))


class Thrifty:
    """RMSprop of one's own; its eps is 0 in float16."""

    def __init__(self, parameters, lr, dtype):
        self.parameters, self.lr = list(parameters), lr
        self.squares = [torch.zeros_like(p, dtype=dtype) for p in self.parameters]

    @torch.no_grad()
    def step(self):
        for p, square in zip(self.parameters, self.squares, strict=True):
            given = p.grad.to(square.dtype)
            square.mul_(0.95).addcmul_(given, given, value=0.05)
            p.sub_(self.lr * (p.grad / (square.sqrt() + 1e-8).float()))
            p.grad = None


@sick_loop("ND709")
def running_squares_that_are_nothing_in_half(sick):
    inputs, targets = features(256, columns=16)
    model = mlp(16, hidden=61)
    nn.init.constant_(model[0].bias[:7], -20.0)
    optimizer = Thrifty(model.parameters(), 2e-3, torch.float16 if sick else torch.float32)
    for _ in range(10):
        for x, y in loader(inputs, targets):
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


# -- sound -----------------------------------------------------------------------------------------------------------


@sound_loop
def a_line_that_tells_most():
    """Linear on purpose: curves would tell more, and this explains three quarters."""
    descend(nn.Linear(2, 1), nn.MSELoss(), loader(*bowl(slope=4.0)), 25)


@sound_loop
def noise_that_nobody_explains():
    inputs, target = quantities(480)
    noisy = 0.3 * target[:, None] + torch.randn(480, 1)
    descend(nn.Linear(16, 1), nn.MSELoss(), loader(inputs, noisy / noisy.std()), 25)


@sound_loop
def smoothed_labels_keep_the_loss_up():
    inputs, targets = features(480, columns=16, classes=4)
    descend(mlp(16, 4, hidden=64), nn.CrossEntropyLoss(label_smoothing=0.3), loader(inputs, targets), 25)


@sound_loop
def a_loss_of_ones_own_around_a_large_mean():
    """Outputs near 300, which differ by a thousandth: as the targets do."""
    inputs, _ = quantities(480)
    target = inputs[:, 0]
    model = nn.Linear(16, 1)
    nn.init.constant_(model.bias, 300.0)
    descend(model, lambda said, y: (said - y).abs().pow(1.5).mean(), loader(inputs, 300 + 0.3 * target[:, None]), 25)


@sound_loop
def a_rate_that_comes_back_and_moves_the_loss():
    inputs, targets = features(600, columns=16)
    model = mlp(16, hidden=64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=57)
    data = loader(inputs, targets)
    for _ in range(12):
        for x, y in data:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()


# -- sequences of tokens, beside counts of what follows each ---------------------------------------------------------


class Reader(nn.Module):
    """Scores (n, T, kinds) of what follows each token."""

    def __init__(self, kinds, width):
        super().__init__()
        self.of_token, self.memory, self.head = nn.Embedding(kinds, width), nn.LSTM(width, width, batch_first=True), nn.Linear(width, kinds)

    def forward(self, tokens):
        return self.head(self.memory(self.of_token(tokens))[0])


def chains(samples=480, length=10, kinds=16, ways=2):
    """(samples, length) tokens, each of which is followed by one of a few."""
    follows = torch.stack([torch.randperm(kinds)[:ways] for _ in range(kinds)])
    steps = [torch.randint(0, kinds, (samples,))]
    for _ in range(length - 1):
        steps.append(follows[steps[-1], torch.randint(0, ways, (samples,))])
    return torch.stack(steps, 1)


def over_tokens(scores, tokens):
    return F.cross_entropy(scores.flatten(0, 1), tokens.flatten())


class Bag(nn.Module):
    """As `Reader`, of each token alone; of `all_as_one` only what stands anywhere in the row."""

    def __init__(self, kinds, width, all_as_one):
        super().__init__()
        self.of_token, self.head, self.all_as_one = nn.Embedding(kinds, width), mlp(width, kinds, hidden=width), all_as_one

    def forward(self, tokens):
        each = self.of_token(tokens)
        return self.head(each.mean(1, keepdim=True).expand_as(each) if self.all_as_one else each)


@sick_loop("ND704", where="steps 0 to")
def letters_of_which_only_the_mean_is_known(sick):
    tokens = chains()
    descend(Bag(16, 16, sick), over_tokens, loader(tokens[:, :-1], tokens[:, 1:]), 14)


@sick_loop("ND704", where="steps 0 to")
def letters_that_are_their_own_targets(sick):
    model, data = Bag(16, 16, sick), torch.utils.data.DataLoader(chains(), batch_size=32, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(14):
        for batch in data:
            optimizer.zero_grad()
            over_tokens(model(batch[:, :-1]), batch[:, 1:]).backward()
            optimizer.step()


@sound_loop
def tokens_that_nothing_foretells():
    tokens = torch.randint(0, 16, (480, 10))
    descend(Reader(16, 4), over_tokens, loader(tokens[:, :-1], tokens[:, 1:]), 12)


@sound_loop
def tokens_of_which_there_is_little_to_foretell():
    tokens = chains(ways=12)
    descend(Reader(16, 16), over_tokens, loader(tokens[:, :-1], tokens[:, 1:]), 12)


class WorksOutItsLoss(nn.Module):
    """As models of libraries do: it is handed the labels too."""

    def __init__(self, hidden):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, hidden), nn.Linear(hidden, 10))

    def forward(self, values, labels=None):
        logits = self.net(values)
        return {"loss": None if labels is None else F.cross_entropy(logits, labels), "logits": logits}


class Rows(torch.utils.data.Dataset):
    def __init__(self, samples):
        self.values, self.labels = features(samples, columns=16)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"values": self.values[i], "labels": self.labels[i]}


def fed_by_name(model, optimizer, epochs, samples=640):
    data = torch.utils.data.DataLoader(Rows(samples), batch_size=32, shuffle=True)
    for _ in range(epochs):
        for batch in data:
            optimizer.zero_grad()
            model(**batch)["loss"].backward()
            optimizer.step()


@sick_loop("ND704", where="steps 0 to")
def ten_classes_through_one_unit_by_a_model_that_has_its_labels(sick):
    model = WorksOutItsLoss(1 if sick else 64)
    fed_by_name(model, torch.optim.Adam(model.parameters(), lr=1e-2), 12)


@sick_loop("ND704", where="steps 0 to 119")
def ten_classes_through_one_unit_while_the_loss_still_falls(sick):
    model = WorksOutItsLoss(1 if sick else 64)
    fed_by_name(model, torch.optim.Adam(model.parameters(), lr=3e-3), 6)


@sound_loop
def a_model_that_is_wide_enough_and_was_stopped_early():
    model = WorksOutItsLoss(64)
    fed_by_name(model, torch.optim.Adam(model.parameters(), lr=1e-4), 6)
