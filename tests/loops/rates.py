"""Loops whose updates are too large, too small, eaten by weight decay, by clipping or by dropout; and sound ones beside them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

from tests.loops import sick_loop, sound_loop
from tests.patients.parts import features, loader, mlp, quantities, tokens

# -- sound: losses that rise, and updates that are large -----------------------------------------------------------


@sound_loop
def one_cycle_to_a_high_rate():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    train_loader = loader(inputs, targets)
    scheduler = lr_scheduler.OneCycleLR(optimizer, max_lr=0.3, total_steps=48)
    for _ in range(6):
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()


@sound_loop
def generator_loss_rises():
    torch.manual_seed(3)
    generator = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
    critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    of_generator = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    of_critic = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.5, 0.999))
    real, fake = torch.ones(32, 1), torch.zeros(32, 1)
    for _ in range(120):
        data = torch.randn(32, 2) * 0.1 + 2
        of_critic.zero_grad()
        made = generator(torch.randn(32, 4))
        loss = F.binary_cross_entropy_with_logits(critic(data), real) + F.binary_cross_entropy_with_logits(critic(made.detach()), fake)
        loss.backward()
        of_critic.step()
        of_generator.zero_grad()
        F.binary_cross_entropy_with_logits(critic(made), real).backward()
        of_generator.step()


@sound_loop
def wasserstein_with_gradient_penalty():
    generator, critic = mlp(4, 2, hidden=16), mlp(2, 1, hidden=16)
    of_generator = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
    of_critic = torch.optim.RMSprop(critic.parameters(), lr=5e-3)
    for step in range(90):
        data, made = torch.randn(32, 2) + 2, generator(torch.randn(32, 4))
        mixed = (data + made.detach()).div(2).requires_grad_()
        (slope,) = torch.autograd.grad(critic(mixed).sum(), mixed, create_graph=True)
        of_critic.zero_grad()
        (critic(made.detach()).mean() - critic(data).mean() + 10 * (slope.norm(dim=1) - 1).pow(2).mean()).backward()
        of_critic.step()
        if step % 3 == 2:
            of_generator.zero_grad()
            (-critic(generator(torch.randn(32, 4))).mean()).backward()
            of_generator.step()


@sound_loop
def policy_gradient():
    policy = mlp(4, 2, hidden=16)
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-2)
    for _ in range(60):
        states = torch.randn(16, 4)
        chosen = torch.distributions.Categorical(logits=policy(states))
        actions = chosen.sample()
        rewards = (actions == (states[:, 0] > 0).long()).float()
        loss = -(chosen.log_prob(actions) * (rewards - rewards.mean())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@sound_loop
def values_grow_as_the_agent_learns():
    """Q-learning: the loss rises with the values themselves."""
    net, target_net = mlp(4, 2, hidden=32), mlp(4, 2, hidden=32)
    target_net.load_state_dict(net.state_dict())
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    for step in range(150):
        states, following, actions = torch.randn(32, 4), torch.randn(32, 4), torch.randint(0, 2, (32, 1))
        rewards = (actions[:, 0] == (states[:, 0] > 0).long()).float()
        with torch.no_grad():
            wanted = rewards + 0.95 * target_net(following).max(1).values
        loss = F.smooth_l1_loss(net(states).gather(1, actions)[:, 0], wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 19:
            target_net.load_state_dict(net.state_dict())


@sound_loop
def divergence_term_warmed_up():
    """A variational autoencoder whose second term grows with the steps: the loss rises though all is well."""
    encoder, decoder = nn.Linear(64, 8), nn.Linear(4, 64)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    inputs, _ = features()
    for step, x in enumerate(inputs.repeat(10, 1).split(32)):
        mean, log_variance = encoder(x).chunk(2, dim=1)
        code = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        divergence = -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1).mean()
        loss = F.mse_loss(decoder(code), x) + min(1.0, step / 50) * divergence
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@sound_loop
def one_task_after_the_other():
    model, optimizer = mlp(), None
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    inputs, targets = features()
    for shift in (0, 3, 6):
        for x, y in loader(inputs, (targets + shift) % 10):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def log_density_below_zero():
    mean, log_scale = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([mean, log_scale], lr=5e-2)
    for _ in range(60):
        data = torch.randn(64, 3) * 0.05 + 1
        (-torch.distributions.Normal(mean, log_scale.exp()).log_prob(data).mean()).backward()
        optimizer.step()
        optimizer.zero_grad()


@sound_loop
def rate_of_thirty_on_small_features():
    """A linear probe: the inputs are small, so the rate is large."""
    inputs, targets = features()
    probe = nn.Linear(64, 10, bias=False)
    optimizer = torch.optim.SGD(probe.parameters(), lr=30.0)
    for _ in range(6):
        for x, y in loader(0.01 * inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(probe(x), y).backward()
            optimizer.step()


@sound_loop
def zero_head_and_low_rank_adapter():
    inputs, targets = features()
    trunk = nn.Linear(64, 32).requires_grad_(False)
    down, up, head = nn.Linear(64, 4, bias=False), nn.Linear(4, 32, bias=False), nn.Linear(32, 10)
    nn.init.zeros_(up.weight)
    nn.init.zeros_(head.weight)
    optimizer = torch.optim.AdamW([*down.parameters(), *up.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(head((trunk(x) + up(down(x))).relu()), y).backward()
            optimizer.step()


@sound_loop
def attacks_grow_stronger():
    """Adversarial training whose attack grows: the loss rises with it."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(6):
        for x, y in loader(inputs, targets):
            attacked = x.clone().requires_grad_()
            (slope,) = torch.autograd.grad(F.cross_entropy(model(attacked), y), attacked)
            optimizer.zero_grad()
            F.cross_entropy(model(x + 0.1 * epoch * slope.sign()), y).backward()
            optimizer.step()


@sound_loop
def summed_loss_with_a_small_rate():
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    for _ in range(6):
        for x, y in loader(inputs, target[:, None]):
            optimizer.zero_grad()
            F.mse_loss(model(x), y, reduction="sum").backward()
            optimizer.step()


@sound_loop
def weights_moved_by_hand():
    inputs, target = quantities()
    model = mlp(16, 1)
    for x, y in loader(inputs, target[:, None]):
        loss = F.mse_loss(model(x), y)
        for parameter, slope in zip(model.parameters(), torch.autograd.grad(loss, list(model.parameters())), strict=True):
            parameter.data.sub_(0.05 * slope)


@sound_loop
def lbfgs_with_a_closure():
    inputs, target = quantities(64)
    model = nn.Linear(16, 1)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def closure():
        optimizer.zero_grad()
        loss = F.mse_loss(model(inputs)[:, 0], target)
        loss.backward()
        return loss

    for _ in range(10):
        optimizer.step(closure)


# -- sound: updates that are small ---------------------------------------------------------------------------------


def pretrained() -> tuple[nn.Module, Tensor, Tensor]:
    """A model that has learnt its data already; not by the loop that is watched."""
    inputs, targets = features()
    model = mlp()
    torch.manual_seed(1)
    with torch.no_grad():  # the teacher itself, through a pair of opposite units
        teacher = torch.linalg.lstsq(inputs, F.one_hot(targets, 10).float() * 8 - 1).solution
        model[0].weight[:10].copy_(teacher.T)
        model[0].weight[10:20].copy_(-teacher.T)
        model[2].weight.zero_()
        model[2].weight[:, :10].copy_(2 * torch.eye(10))
        model[2].weight[:, 10:20].copy_(-2 * torch.eye(10))
    return model, inputs, targets


@sound_loop
def learnt_long_ago():
    """The loss cannot fall any further, and so the updates are next to nothing."""
    inputs = torch.randn(64, 8)
    model = nn.Linear(8, 1)
    with torch.no_grad():
        target = model(inputs)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(10):
        for x, y in loader(inputs, target + 1e-6):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()


@sound_loop
def fine_tuning_gently():
    model, inputs, targets = pretrained()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    for _ in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def lower_layers_learn_slowly():
    """Layer-wise rates: the lowest groups hardly move, on purpose."""
    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.AdamW(
        [{"params": model[0].parameters(), "lr": 1e-8}, {"params": model[2].parameters(), "lr": 1e-5}, {"params": model[4].parameters(), "lr": 1e-2}]
    )
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def beginning_of_a_long_warm_up():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 10_000))
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()


@sound_loop
def rate_of_zero_in_the_first_epoch():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda epoch: min(1.0, epoch / 2))
    for _ in range(5):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        scheduler.step()


@sound_loop
def a_few_steps_of_a_tiny_rate():
    """Too few to say anything."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
    for x, y in loader(inputs, targets):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def few_rows_of_a_large_embedding():
    model = nn.Sequential(nn.Embedding(5000, 8), nn.Flatten(), nn.Linear(96, 20))
    ids, following = tokens(256)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(4):
        for x, y in loader(ids, following[:, -1]):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def annealed_to_a_whisper():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=96)
    for _ in range(12):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
            scheduler.step()


# -- sound: strong weight decay, clipping and dropout that do no harm ----------------------------------------------


@sound_loop
def decay_of_a_usual_size():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.3)
    for _ in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def weights_shrink_behind_batch_norm():
    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters(), "weight_decay": 0.5}, {"params": [*model[1].parameters(), *model[3].parameters()]}], lr=0.1
    )
    for _ in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def decay_makes_large_weights_smaller():
    """It starts far too large; decay is what brings the loss down."""
    inputs, target = quantities()
    model = nn.Linear(16, 1)
    nn.init.normal_(model.weight, std=5.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, weight_decay=1.0)
    for _ in range(10):
        for x, y in loader(inputs, target[:, None]):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()


@sound_loop
def decay_of_what_is_learnt_already():
    model, inputs, targets = pretrained()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0)
    for _ in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def weights_pruned_by_the_loop():
    inputs, targets = features()
    model = mlp(hidden=64)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)
    for epoch in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        with torch.no_grad():
            weight = model[0].weight
            weight[weight.abs() < weight.abs().quantile(0.1 * epoch)] = 0


@sound_loop
def clipped_at_every_step_and_learning():
    inputs, target = quantities()
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(8):
        for x, y in loader(inputs, 100 * target[:, None]):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


@sound_loop
def steps_of_unit_length():
    """Clipping to next to nothing, with a rate that makes up for it: normalised gradient descent."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e5)
    for _ in range(8):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 3e-6)
            optimizer.step()


@sound_loop
def clipped_hard_before_adam():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
            optimizer.step()


@sound_loop
def heavy_dropout_that_learns():
    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Dropout(0.8), nn.Linear(512, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(10):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def small_batches_are_noisy():
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    for _ in range(2):
        for x, y in loader(inputs, targets, batch_size=2):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sound_loop
def private_gradients():
    """Clipped for each sample and noised, as for differential privacy: slow, and meant."""
    inputs, targets = features()
    model = nn.Linear(64, 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=2.0)
    for x, y in loader(inputs, targets, batch_size=16):
        summed = [torch.zeros_like(p) for p in model.parameters()]
        for one, label in zip(x, y, strict=True):
            optimizer.zero_grad()
            F.cross_entropy(model(one[None]), label[None]).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            for total, p in zip(summed, model.parameters(), strict=True):
                total += p.grad
        for total, p in zip(summed, model.parameters(), strict=True):
            p.grad = (total + 0.1 * torch.randn_like(total)) / len(x)
        optimizer.step()


# -- ND604: updates too large --------------------------------------------------------------------------------------


@sick_loop("ND604", where="optimizer, group 0")
def rate_of_ten(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0 if sick else 0.1)  # guilty
    for _ in range(5):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


class Trainer:
    """Methods that pass the parts of a step on to each other."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, clip_value: float | None = None) -> None:
        self.model, self.optimizer, self.clip_value = model, optimizer, clip_value

    def loss(self, batch: list[Tensor]) -> Tensor:
        x, y = batch
        return F.cross_entropy(self.model(x), y)

    def clip(self) -> None:
        if self.clip_value is not None:
            nn.utils.clip_grad_value_(self.model.parameters(), self.clip_value)

    def step(self, batch: list[Tensor]) -> None:
        self.loss(batch).backward()
        self.clip()
        self.optimizer.step()
        self.optimizer.zero_grad()

    def fit(self, batches, epochs: int) -> None:
        self.model.train()
        for _ in range(epochs):
            for batch in batches:
                self.step(batch)


@sick_loop("ND604", where="self.optimizer, group 0")
def adam_at_three_in_a_trainer(sick):
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 10))
    Trainer(model, torch.optim.Adam(model.parameters(), lr=3.0 if sick else 3e-3)).fit(loader(*features()), 5)


@sick_loop("ND604")
def gradient_descent_diverges(sick):
    """Full-batch descent on plain tensors, twice as fast as the curvature allows; the loss overflows."""
    inputs, target = quantities()
    weight, bias = torch.zeros(16, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight, bias], lr=3.0 if sick else 0.1)  # guilty
    for _ in range(80):
        loss = ((inputs @ weight + bias - target[:, None]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@sick_loop("ND604", where="head_optimizer, group 0")
def one_of_two_rates_is_too_high(sick):
    inputs, targets = features()
    body, head = nn.Sequential(nn.Linear(64, 32), nn.ReLU()), nn.Linear(32, 10)
    body_optimizer = torch.optim.Adam(body.parameters(), lr=1e-3)
    head_optimizer = torch.optim.SGD(head.parameters(), lr=300.0 if sick else 0.1, momentum=0.9)  # guilty
    for _ in range(5):
        for x, y in loader(inputs, targets):
            loss = F.cross_entropy(head(body(x)), y)
            for optimizer in (body_optimizer, head_optimizer):
                optimizer.zero_grad()
            loss.backward()
            body_optimizer.step()
            head_optimizer.step()


@dataclass
class Answer:
    loss: Tensor
    logits: Tensor


class Tagger(nn.Module):
    """Gives its own loss, as the models of large libraries do."""

    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__()
        self.embedding, self.rnn, self.head = nn.Embedding(20, 16), rnn, nn.Linear(32, 20)

    def forward(self, input_ids: Tensor, labels: Tensor) -> Answer:
        logits = self.head(self.rnn(self.embedding(input_ids))[0])
        return Answer(F.cross_entropy(logits.flatten(0, 1), labels.flatten()), logits)


@sick_loop("ND604")
def recurrent_model_with_a_wild_group(sick):
    ids, labels = tokens()
    model = Tagger(nn.RNN(16, 32, nonlinearity="relu", batch_first=True))
    rest = [*model.rnn.parameters(), *model.embedding.parameters()]
    optimizer = torch.optim.AdamW([{"params": rest, "lr": 1.0 if sick else 3e-3}, {"params": model.head.parameters()}], lr=3e-3)  # guilty
    step = 0
    while step < 40:
        for x, y in loader(ids, labels):
            batch = {"input_ids": x, "labels": y}
            model(**batch).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            step += 1


# -- ND605: updates too small --------------------------------------------------------------------------------------


@sick_loop("ND605", where="optimizer, group 0")
def rate_of_a_hundred_millionth(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-8 if sick else 1e-2)  # guilty
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sick_loop("ND605", where="self.optimizer, group 0")
def eps_of_a_thousand_in_a_trainer(sick):
    model = mlp()
    Trainer(model, torch.optim.Adam(model.parameters(), lr=1e-2, eps=1e3 if sick else 1e-8)).fit(loader(*features()), 6)


@sick_loop("ND605")
def warm_up_that_never_ends(sick):
    """The length of the warm-up was meant in samples of the old data set."""
    inputs, target = quantities(64)
    model = mlp(16, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / (1e8 if sick else 50)))  # guilty
    for _ in range(60):
        for x, y in zip(inputs.split(16), target[:, None].split(16), strict=True):
            optimizer.zero_grad()
            F.mse_loss(model(x), y).backward()
            optimizer.step()
            scheduler.step()


@sick_loop("ND605")
def summed_rate_for_a_mean(sick):
    """The rate was right for a loss summed over a million pixels. Gradients come from four pieces of a batch."""
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-7 if sick else 0.1, momentum=0.9)  # guilty
    pieces = loader(inputs, targets, batch_size=8)
    for _ in range(3):
        for number, (x, y) in enumerate(pieces):
            (F.cross_entropy(model(x), y) / 4).backward()
            if number % 4 == 3:
                optimizer.step()
                optimizer.zero_grad()


# -- ND607: weight decay outweighs the loss ------------------------------------------------------------------------


@sick_loop("ND607", where="optimizer, group 0")
def decay_of_one_with_momentum(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5, weight_decay=2.0 if sick else 1e-4)  # guilty
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sick_loop("ND607", where="self.optimizer, group 0")
def decay_taken_for_a_dropout_rate(sick):
    model = nn.Sequential(nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 10))
    Trainer(model, torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=50.0 if sick else 0.1)).fit(loader(*features()), 6)


@sick_loop("ND607", where="optimizer, group 1")
def decay_of_the_matrices_mistyped(sick):
    """Two groups, as one should: but the one that decays does nothing else."""
    inputs, target = quantities()
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))
    biases = [p for p in model.parameters() if p.ndim == 1]
    matrices = [p for p in model.parameters() if p.ndim > 1]
    optimizer = torch.optim.Adam([{"params": biases}, {"params": matrices, "weight_decay": 100.0 if sick else 1e-4}], lr=1e-2)  # guilty
    for _ in range(8):
        for x, y in zip(inputs.split(32), target[:, None].split(32), strict=True):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()


# -- ND608: clipping or noise so strong that nothing is learnt -----------------------------------------------------


@sick_loop("ND608", where="norm")
def clipped_to_a_hundred_thousandth(sick):
    inputs, targets = features()
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1e-5 if sick else 1.0)  # guilty
            optimizer.step()


@sick_loop("ND608", where="value")
def values_clipped_in_a_trainer(sick):
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    Trainer(model, optimizer, clip_value=1e-6 if sick else 0.5).fit(loader(*features()), 6)


@sick_loop("ND608")
def recurrent_net_clipped_too_hard(sick):
    """Clipped in a helper, as is right for recurrent nets; but the limit is that of another loss."""
    ids, labels = tokens()
    model = Tagger(nn.GRU(16, 32, batch_first=True))
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def update(loss: Tensor) -> None:
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 2e-4 if sick else 2.0)  # guilty
        optimizer.step()

    for _ in range(20):
        for x, y in loader(ids, labels):
            update(model(x, y).loss)


@sick_loop("ND608", where="2")
def nearly_everything_dropped(sick):
    inputs, targets = features()
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.99 if sick else 0.2), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(16):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


# -- ND604: a rate that kills at once ------------------------------------------------------------------------------


@sick_loop("ND604", where="optimizer, group 0")
def everything_dies_in_the_first_steps(sick):
    """The loss hardly rises: the units are dead before, and what is left is a constant."""
    inputs, targets = features(320)
    inputs = inputs.abs()
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9, lr=4.0 if sick else 0.05)  # guilty
    for _ in range(6):
        for x, y in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


@sound_loop
def large_updates_of_small_weights_under_labels_without_sense():
    """Weights that begin next to zero are replaced in the first steps by any rate."""
    inputs, targets = features()
    model = mlp()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.05)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        for x, _ in loader(inputs, targets):
            optimizer.zero_grad()
            F.cross_entropy(model(x), torch.randint(0, 10, (len(x),))).backward()
            optimizer.step()
