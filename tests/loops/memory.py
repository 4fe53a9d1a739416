"""Loops that keep the graphs of steps long gone, and loops that only look as if they did."""

from __future__ import annotations

import copy
from collections import deque

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(count=30, size=8, *, inputs=6, classes=3, shuffle=True):
    data = TensorDataset(torch.randn(count * size, inputs), torch.randint(0, classes, (count * size,)))
    return DataLoader(data, batch_size=size, shuffle=shuffle)


def net(inputs=6, outputs=3):
    return nn.Sequential(nn.Linear(inputs, 12), nn.Tanh(), nn.Linear(12, outputs))


@sick_loop("ND506")
def loss_added_up(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    total_loss = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        total_loss += loss if sick else loss.item()  # guilty
    return float(total_loss) / len(loader)


@sick_loop("ND506")
def losses_in_a_list_of_a_trainer(sick):
    class Trainer:
        def __init__(self):
            self.model = net()
            self.optimizer = torch.optim.Adam(self.model.parameters())
            self.history = {"loss": []}

        def train_step(self, x, y):
            self.optimizer.zero_grad()
            loss = nn.CrossEntropyLoss()(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            self.log(loss if sick else loss.detach())

        def log(self, loss):
            self.history["loss"].append(loss)  # guilty

        def fit(self, loader, epochs):
            for _ in range(epochs):
                for x, y in loader:
                    self.train_step(x, y)

    Trainer().fit(batches(15), epochs=3)


@sick_loop("ND506")
def predictions_kept_for_the_training_accuracy(sick):
    model = net()
    inputs, targets = torch.randn(240, 6), torch.randint(0, 3, (240,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    step, predictions = 0, []
    while step < 30:
        x, y = inputs[step * 8 : step * 8 + 8], targets[step * 8 : step * 8 + 8]
        outputs = model(x)
        F.cross_entropy(outputs, y).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        predictions.append(outputs if sick else outputs.detach())  # guilty
        step += 1
    return (torch.cat(predictions).argmax(1) == targets).float().mean()


class OldStyleSGD(torch.optim.Optimizer):
    """Writes past autograd, as optimizers of many papers do, so that torch does not notice a graph that is out of date."""

    def __init__(self, parameters, lr):
        super().__init__(parameters, {"lr": lr})

    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.data.add_(parameter.grad.data, alpha=-group["lr"])


@sick_loop("ND506")
def hidden_state_never_detached(sick):
    cell, head = nn.GRUCell(4, 8), nn.Linear(8, 4)
    optimizer = OldStyleSGD([*cell.parameters(), *head.parameters()], lr=0.01)
    sequence = torch.randn(41, 2, 4)
    hidden = torch.zeros(2, 8)
    for t in range(40):
        hidden = cell(sequence[t], hidden if sick else hidden.detach())  # guilty
        loss = F.mse_loss(head(hidden.tanh()), sequence[t + 1])
        optimizer.zero_grad()
        loss.backward(retain_graph=sick)
        optimizer.step()


@sick_loop("ND506")
def averaged_loss_carries_its_past(sick):
    model, loader = net(), batches(40)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    smooth = None
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        now = loss if sick else loss.detach()
        smooth = now if smooth is None else 0.9 * smooth + 0.1 * now  # guilty


@sick_loop("ND506")
def validation_keeps_every_graph(sick):
    model, loader, held_out = net(), batches(10), batches(25, shuffle=False)
    optimizer = torch.optim.Adam(model.parameters())

    def evaluate():
        model.eval()
        outputs = []
        with torch.set_grad_enabled(sick):
            for x, _ in held_out:
                outputs.append(model(x))  # guilty
        model.train()
        return torch.cat(outputs).argmax(1)

    for _ in range(2):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        evaluate()


@sick_loop("ND506")
def state_kept_inside_the_model(sick):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.head = nn.RNNCell(4, 8), nn.Linear(8, 4)
            self.memory = torch.zeros(2, 8)

        def forward(self, x):
            self.memory = self.cell(x, self.memory)  # guilty
            return self.head(self.memory)

    model = Recurrent()
    optimizer = OldStyleSGD(model.parameters(), lr=0.01)
    for x in torch.randn(48, 2, 4):
        if not sick:
            model.memory = model.memory.detach()
        loss = model(x).pow(2).mean()
        optimizer.zero_grad()
        loss.backward(retain_graph=sick)  # guilty
        optimizer.step()


# -- sound --------------------------------------------------------------------------------------------------------


@sound_loop
def losses_gathered_within_one_update():
    model = net()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(3):
        losses = []
        for x, y in batches(30):
            losses.append(F.cross_entropy(model(x), y))
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()


@sound_loop
def policy_gradient():
    policy = net(4, 2)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    rewards_so_far = []
    for _ in range(25):
        state, log_probs, rewards = torch.randn(4), [], []
        for _ in range(30):
            chances = torch.distributions.Categorical(logits=policy(state))
            action = chances.sample()
            log_probs.append(chances.log_prob(action))
            rewards.append(float(action))
            state = state + 0.1 * torch.randn(4)
        optimizer.zero_grad()
        loss = -(torch.stack(log_probs) * (torch.tensor(rewards) - 0.5)).sum()
        loss.backward()
        optimizer.step()
        rewards_so_far.append(sum(rewards))


@sound_loop
def truncated_backpropagation_through_time():
    cell, head = nn.LSTMCell(4, 8), nn.Linear(8, 4)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()])
    sequence = torch.randn(201, 2, 4)
    h, c = torch.zeros(2, 8), torch.zeros(2, 8)
    loss = torch.zeros(())
    for t in range(200):
        h, c = cell(sequence[t], (h, c))
        loss = loss + F.mse_loss(head(h), sequence[t + 1])
        if t % 8 == 7:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            h, c, loss = h.detach(), c.detach(), torch.zeros(())


@sound_loop
def the_last_losses_in_a_deque():
    model, loader = net(), batches(60)
    optimizer = torch.optim.Adam(model.parameters())
    recent = deque(maxlen=32)
    for x, y in loader:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        recent.append(loss)


@sound_loop
def losses_logged_as_numbers():
    model, loader = net(), batches(30)
    optimizer = torch.optim.Adam(model.parameters())
    history, tensors, outputs = [], [], []
    for x, y in loader:
        prediction = model(x)
        loss = F.cross_entropy(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        tensors.append(loss.detach())
        outputs.append(prediction.argmax(1))


@sound_loop
def a_graph_kept_for_two_losses():
    body, one, other = net(6, 5), nn.Linear(5, 3), nn.Linear(5, 3)
    first = torch.optim.SGD([*body.parameters(), *one.parameters()], lr=0.01)
    second = torch.optim.SGD(other.parameters(), lr=0.01)
    for x, y in batches(40):
        features = body(x)
        loss = F.cross_entropy(one(features), y)
        again = F.cross_entropy(other(features.detach()), y)
        first.zero_grad()
        second.zero_grad()
        loss.backward(retain_graph=True)
        again.backward(retain_graph=True)
        first.step()
        second.step()


@sound_loop
def gradient_penalty():
    critic = net(6, 1)
    optimizer = torch.optim.Adam(critic.parameters())
    for x, _ in batches(40):
        x.requires_grad_(True)
        score = critic(x)
        (gradient,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        optimizer.zero_grad()
        (score.mean() + 10 * (gradient.norm(dim=1) - 1).pow(2).mean()).backward()
        optimizer.step()


@sound_loop
def checkpointed_blocks_and_a_slow_teacher():
    model = net()
    teacher = copy.deepcopy(model).requires_grad_(False)
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches(30):
        logits = checkpoint(model, x, use_reentrant=False)
        with torch.no_grad():
            target = teacher(x).softmax(1)
        optimizer.zero_grad()
        (F.cross_entropy(logits, y) + F.kl_div(logits.log_softmax(1), target, reduction="batchmean")).backward()
        optimizer.step()
        for slow, fast in zip(teacher.parameters(), model.parameters(), strict=True):
            slow.data.lerp_(fast.data, 0.1)


@sound_loop
def a_memory_bank_of_detached_features():
    model, bank = net(6, 4), []
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in batches(40):
        features = F.normalize(model(x), dim=1)
        if len(bank) >= 2:
            scores = features @ torch.cat(bank[-16:]).T
            loss = scores.logsumexp(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        bank.append(features.detach())


@sound_loop
def validation_without_no_grad_that_keeps_numbers():
    model, loader, held_out = net(), batches(10), batches(40, shuffle=False)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()
        total = 0.0
        for x, y in held_out:
            total += F.cross_entropy(model(x), y).item() * len(x)
        model.train()


@sound_loop
def graphs_freed_only_by_the_garbage_collector():
    class Outcome:
        def __init__(self, loss):
            self.loss, self.itself = loss, self

    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for x, y in batches(30):
        outcome = Outcome(F.cross_entropy(model(x), y))
        optimizer.zero_grad()
        outcome.loss.backward()
        optimizer.step()
        if optimizer.param_groups[0]["lr"] < 0:
            print(outcome)


@sound_loop
def sequences_that_grow_with_the_curriculum():
    cell, head = nn.RNNCell(3, 6), nn.Linear(6, 3)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters()])
    for step in range(40):
        h, loss = torch.zeros(1, 6), 0.0
        for _ in range(2 + step // 4):
            h = cell(torch.randn(1, 3), h)
            loss = loss + head(h).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@sound_loop
def many_outputs_of_a_model_in_eval_mode_for_one_update():
    model = net().eval()  # nothing in it behaves differently in training
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(3):
        outputs, targets = [], []
        for x, y in batches(25):
            outputs.append(model(x))
            targets.append(y)
        optimizer.zero_grad()
        F.cross_entropy(torch.cat(outputs), torch.cat(targets)).backward()
        optimizer.step()


@sound_loop
def kept_graphs_that_grow_up_to_a_length():
    cell, head, value = nn.RNNCell(3, 6), nn.Linear(6, 3), nn.Linear(6, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *head.parameters(), *value.parameters()])
    for step in range(40):
        h = torch.zeros(1, 6)
        for _ in range(min(1 + step, 10)):
            h = cell(torch.randn(1, 3), h)
        optimizer.zero_grad()
        head(h).pow(2).mean().backward(retain_graph=True)
        value(h).pow(2).mean().backward()
        optimizer.step()


@sound_loop
def the_best_loss_so_far_is_kept():
    model, best = net(), None
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches(40):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        best = loss if best is None or loss < best else best


class DriftMonitor(nn.Module):
    """A running mean of the features, which no loss leads to."""

    def __init__(self, sick, width=12):
        super().__init__()
        self.sick = sick
        self.register_buffer("running", torch.zeros(width))

    def forward(self, h):
        mean = h.mean(0) if self.sick else h.mean(0).detach()
        if self.training:
            self.running = 0.9 * self.running + 0.1 * mean
        return h


@sick_loop("ND506", where="model.1.running")
def running_mean_that_is_not_detached(sick):
    model = nn.Sequential(nn.Linear(6, 12), DriftMonitor(sick), nn.Tanh(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for x, y in batches(40):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@sound_loop
def features_that_a_module_holds_for_a_step():
    class Held(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(6, 12), nn.Linear(12, 3)

        def forward(self, x):
            self.features = self.body(x).tanh()
            return self.head(self.features)

    model = Held()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for x, y in batches(40):
        optimizer.zero_grad()
        (F.cross_entropy(model(x), y) + 1e-3 * model.features.square().mean()).backward()
        optimizer.step()


class Gallery:
    def __init__(self, sick):
        self.sick, self.kept = sick, []

    def take(self, outputs):
        self.kept.append(outputs if self.sick else outputs.detach())


@sick_loop("ND506", where="kept")
def outputs_that_another_object_keeps(sick):
    model, gallery = net(), Gallery(sick)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for x, y in batches(40):
        outputs = model(x)
        optimizer.zero_grad()
        F.cross_entropy(outputs, y).backward()
        optimizer.step()
        gallery.take(outputs)
