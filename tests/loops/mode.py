"""Loops that train or evaluate in the wrong mode, and loops that only look as if they did."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(samples=64, size=16, **options):
    inputs = torch.randn(samples, 6)
    return DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), batch_size=size, **options)


def dropping(inputs=6, outputs=3):
    return nn.Sequential(nn.Linear(inputs, 12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, outputs))


def normed(inputs=6, outputs=3):
    return nn.Sequential(nn.Linear(inputs, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, outputs))


def train_one_epoch(model, loader, optimizer):
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


# -- trained in eval mode -----------------------------------------------------------------------------------------


@sick_loop("ND702")
def eval_mode_is_never_left_again(sick):
    model, train_loader, val_loader = dropping(), batches(shuffle=True), batches()
    optimizer = torch.optim.Adam(model.parameters())
    model.train()
    for _ in range(3):
        for x, y in train_loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        model.eval()  # guilty
        with torch.no_grad():
            for x, y in val_loader:
                F.cross_entropy(model(x), y)
        if not sick:
            model.train()


@sick_loop("ND702")
def evaluation_in_a_function_that_does_not_restore_the_mode(sick):
    class Trainer:
        def __init__(self):
            self.model = normed()
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.05)
            self.inputs, self.targets = torch.randn(64, 6), torch.randint(0, 3, (64,))

        @torch.no_grad()
        def evaluate(self):
            self.model.eval()  # guilty
            accuracy = (self.model(self.inputs[48:]).argmax(1) == self.targets[48:]).float().mean()
            if not sick:
                self.model.train()
            return accuracy

        def fit(self):
            step = 0
            while step < 12:
                rows = torch.randint(0, 48, (8,))
                loss = F.cross_entropy(self.model(self.inputs[rows]), self.targets[rows])
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                step += 1
                if step % 4 == 0:
                    self.evaluate()

    Trainer().fit()


@sick_loop("ND702")
def trained_in_eval_mode_from_the_start(sick):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.GRU(6, 8, num_layers=2, dropout=0.3, batch_first=True)
            self.head = nn.Linear(8, 3)

        def forward(self, input, labels):
            logits = self.head(self.encoder(input)[0][:, -1])
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    model = Classifier()
    model.train(not sick)  # guilty
    optimizer = torch.optim.AdamW(model.parameters())
    for x in torch.randn(8, 4, 5, 6):
        loss = model(input=x, labels=torch.randint(0, 3, (4,)))["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@sick_loop("ND702")
def loaded_in_eval_mode(sick):
    model = dropping().eval() if sick else dropping()  # guilty
    train_loader = batches()
    with_closure = torch.optim.SGD(model.parameters(), lr=0.1)

    def closure(x, y):
        with_closure.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    for x, y in train_loader:
        with_closure.step(lambda x=x, y=y: closure(x, y))


@sick_loop("ND702")
def train_called_before_the_epochs_only(sick):
    def validate(model, loader):
        model.eval()  # guilty
        with torch.inference_mode():
            return sum(F.cross_entropy(model(x), y, reduction="sum").item() for x, y in loader)

    model, train_loader, val_loader = normed(), batches(shuffle=True), batches()
    optimizer = torch.optim.Adam(model.parameters())
    for epoch in range(3):
        if not sick or epoch == 0:
            model.train()
        train_one_epoch(model, train_loader, optimizer)
        validate(model, val_loader)


# -- evaluated in train mode --------------------------------------------------------------------------------------


@sick_loop("ND702")
def validated_in_train_mode(sick):
    model, train_loader, val_loader = dropping(), batches(shuffle=True), batches()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        model.train()
        train_one_epoch(model, train_loader, optimizer)
        if not sick:
            model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                F.cross_entropy(model(x), y)  # guilty


@sick_loop("ND702")
def accuracy_with_gradients_in_train_mode(sick):
    class Trainer:
        def __init__(self):
            self.net, self.best = normed(), 0.0
            self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.05)

        def accuracy(self, loader):
            right = 0
            for x, y in loader:
                right += (self.net(x).argmax(1) == y).sum().item()  # guilty
            return right / len(loader.dataset)

        def fit(self, train_loader, test_loader):
            for _ in range(2):
                self.net.train()
                train_one_epoch(self.net, train_loader, self.optimizer)
                if not sick:
                    self.net.eval()
                self.best = max(self.best, self.accuracy(test_loader))

    Trainer().fit(batches(), batches(48))


@sick_loop("ND702")
def validation_tensors_in_train_mode(sick):
    inputs, targets = torch.randn(64, 6), torch.randn(64, 3)
    model, loss_fn = dropping(), nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for step in range(12):
        model.train()
        loss = loss_fn(model(inputs[:48]), targets[:48])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 4 == 3:
            if not sick:
                model.eval()
            with torch.no_grad():
                validation = loss_fn(model(inputs[48:]), targets[48:])  # guilty
    return validation


@sick_loop("ND702")
def the_mode_comes_back_too_early(sick):
    def evaluate(model, loader):
        model.eval()
        if sick:
            model.train()  # guilty
        with torch.no_grad():
            for x, _ in loader:
                model(x)
        model.train()

    model, train_loader, val_loader = dropping(), batches(shuffle=True), batches()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        train_one_epoch(model, train_loader, optimizer)
        evaluate(model, val_loader)


# -- sound --------------------------------------------------------------------------------------------------------


@sound_loop
def batch_norm_frozen_while_fine_tuning():
    model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(2):
        model.train()
        model[1].eval()
        train_one_epoch(model, batches(), optimizer)


@sound_loop
def backbone_with_frozen_statistics_in_a_part_of_its_own():
    backbone, head = normed(6, 8), dropping(8, 3)
    backbone.eval()
    optimizer = torch.optim.SGD([*backbone.parameters(), *head.parameters()], lr=0.05)
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(head(backbone(x)), y).backward()
        optimizer.step()


@sound_loop
def only_the_head_is_trained_in_eval_mode():
    model = nn.Sequential(nn.Linear(6, 40), nn.BatchNorm1d(40), nn.ReLU(), nn.Linear(40, 3)).requires_grad_(False).eval()
    model[3].requires_grad_(True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    train_one_epoch(model, batches(), optimizer)


@sound_loop
def the_dropout_alone_is_awake():
    model = dropping().eval()
    model[2].train()
    optimizer = torch.optim.Adam(model.parameters())
    train_one_epoch(model, batches(), optimizer)


@sound_loop
def nothing_in_the_model_depends_on_the_mode():
    model = nn.Sequential(nn.Linear(6, 12), nn.LayerNorm(12), nn.ReLU(), nn.Dropout(0.0), nn.Linear(12, 3)).eval()
    optimizer = torch.optim.Adam(model.parameters())
    val_loader = batches()
    for _ in range(2):
        train_one_epoch(model, batches(), optimizer)
        model.train()
        with torch.no_grad():
            for x, y in val_loader:
                F.cross_entropy(model(x), y)


@sound_loop
def instance_norm_has_one_mode():
    model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Flatten(), nn.Linear(16, 3)).eval()
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches():
        optimizer.zero_grad()
        F.cross_entropy(model(x[:, None]), y).backward()
        optimizer.step()


@sound_loop
def monte_carlo_dropout():
    model, val_loader = dropping(), batches()
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        train_one_epoch(model, batches(), optimizer)
        with torch.no_grad():
            for x, _ in val_loader:
                torch.stack([model(x).softmax(1) for _ in range(8)]).var(0)


@sound_loop
def mean_teacher_in_train_mode():
    student = dropping()
    teacher = copy.deepcopy(student).requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05)
    unlabelled = batches(64, 32)
    for (x, y), (u, _) in zip(batches(32), unlabelled, strict=True):
        with torch.no_grad():
            wanted = teacher(u).softmax(1)
        optimizer.zero_grad()
        (F.cross_entropy(student(x), y) + F.mse_loss(student(u).softmax(1), wanted)).backward()
        optimizer.step()
        for slow, p in zip(teacher.parameters(), student.parameters(), strict=True):
            slow.mul_(0.99).add_(p.detach(), alpha=0.01)


@sound_loop
def pseudo_labels_from_a_loader_of_their_own():
    model = dropping()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    unlabelled, labelled = iter(batches(160)), iter(batches(160))
    for _ in range(8):
        u, _ = next(unlabelled)
        with torch.no_grad():
            guess = model(u).softmax(1)
        x, y = next(labelled)
        optimizer.zero_grad()
        (F.cross_entropy(model(x), y) + F.cross_entropy(model(u + 0.1), guess)).backward()
        optimizer.step()


@sound_loop
def statistics_of_batch_norm_are_renewed():
    model, train_loader, val_loader = normed(), batches(), batches()
    averaged = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(2):
        model.train()
        train_one_epoch(model, train_loader, optimizer)
        averaged.update_parameters(model)
    torch.optim.swa_utils.update_bn(train_loader, averaged)
    averaged.eval()
    with torch.no_grad():
        for x, y in val_loader:
            F.cross_entropy(averaged(x), y)


@sound_loop
def statistics_renewed_by_hand():
    model, train_loader = normed(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    train_one_epoch(model, train_loader, optimizer)
    model.train()
    with torch.no_grad():
        for x, _ in train_loader:
            model(x)


@sound_loop
def samples_of_a_generator_in_train_mode():
    generator = nn.Sequential(nn.Linear(4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 6))
    critic = dropping(6, 1)
    g_optimizer = torch.optim.Adam(generator.parameters())
    c_optimizer = torch.optim.Adam(critic.parameters())
    fixed = torch.randn(16, 4)
    for real, _ in batches(128):
        with torch.no_grad():
            fake = generator(torch.randn(16, 4))
        c_optimizer.zero_grad()
        (F.softplus(critic(fake)) + F.softplus(-critic(real))).mean().backward()
        c_optimizer.step()
        g_optimizer.zero_grad()
        F.softplus(-critic(generator(torch.randn(16, 4)))).mean().backward()
        g_optimizer.step()
    with torch.no_grad():
        generator(fixed)


@sound_loop
def perceptual_network_in_eval_mode():
    model, judge = normed(6, 6), dropping(6, 4).eval()
    optimizer = torch.optim.Adam(model.parameters())
    for x, _ in batches():
        optimizer.zero_grad()
        F.mse_loss(judge(model(x)), judge(x).detach()).backward()
        optimizer.step()


@sound_loop
def attacked_in_eval_mode_and_trained_in_train_mode():
    model = dropping()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for x, y in batches():
        model.eval()
        attack = torch.zeros_like(x, requires_grad=True)
        F.cross_entropy(model(x + attack), y).backward()
        model.train()
        optimizer.zero_grad()
        F.cross_entropy(model(x + 0.1 * attack.grad.sign()), y).backward()
        optimizer.step()


@sound_loop
def probabilities_of_the_old_policy():
    policy = dropping()
    optimizer = torch.optim.Adam(policy.parameters())
    for states in torch.randn(6, 8, 6):
        with torch.no_grad():
            actions = policy(states).argmax(1)
            before = policy(states).log_softmax(1).gather(1, actions[:, None])
        for _ in range(2):
            ratio = (policy(states).log_softmax(1).gather(1, actions[:, None]) - before).exp()
            optimizer.zero_grad()
            (-ratio).mean().backward()
            optimizer.step()


@sound_loop
def hard_samples_are_looked_for_first():
    model = dropping()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for x, y in batches():
        with torch.no_grad():
            hardest = F.cross_entropy(model(x), y, reduction="none").topk(8).indices
        optimizer.zero_grad()
        F.cross_entropy(model(x[hardest]), y[hardest]).backward()
        optimizer.step()


@sound_loop
def a_look_at_the_shapes_first():
    model, train_loader, val_loader = dropping(), batches(), batches()
    assert model(next(iter(val_loader))[0]).shape[1] == 3
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        model.train()
        train_one_epoch(model, train_loader, optimizer)
        model.eval()
        with torch.no_grad():
            for x, y in val_loader:
                F.cross_entropy(model(x), y)


@sound_loop
def mode_kept_and_restored():
    def evaluate(model, loader):
        before = model.training
        model.eval()
        with torch.no_grad():
            for x, y in loader:
                F.cross_entropy(model(x), y)
        model.train(before)

    model, val_loader = normed(), batches()
    optimizer = torch.optim.Adam(model.parameters())
    for x, y in batches(96):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        evaluate(model, val_loader)


@sound_loop
def generator_sampled_in_eval_mode_for_the_critic():
    generator, critic = normed(4, 6), dropping(6, 1)
    g_optimizer = torch.optim.Adam(generator.parameters())
    c_optimizer = torch.optim.Adam(critic.parameters())
    for real, _ in batches(96):
        generator.eval()
        c_optimizer.zero_grad()
        (F.softplus(critic(generator(torch.randn(16, 4)).detach())) + F.softplus(-critic(real))).mean().backward()
        c_optimizer.step()
        generator.train()
        g_optimizer.zero_grad()
        F.softplus(-critic(generator(torch.randn(16, 4)))).mean().backward()
        g_optimizer.step()


@sound_loop
def two_loaders_take_turns_in_training():
    model, first, second = dropping(), batches(), batches(96)
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(2):
        train_one_epoch(model, first, optimizer)
        train_one_epoch(model, second, optimizer)
