"""Best weights that are no copy, checkpoints that fit only in part, and states handled well."""

from __future__ import annotations

import copy
import io

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(count=6, size=8):
    inputs = torch.randn(count * size, 6)
    return DataLoader(TensorDataset(inputs, (inputs[:, :3] + inputs[:, 3:]).argmax(1)), batch_size=size)


def net(outputs=3):
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, outputs))


def train_epoch(model, optimizer, loader):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@torch.no_grad()
def evaluate(model, loader):
    model.eval()
    return sum(F.cross_entropy(model(x), y).item() for x, y in loader) / len(loader)


@sick_loop("ND707")
def best_weights_are_no_copy(sick):
    model, loader, held_out = net(), batches(), batches(3)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    best, best_weights = float("inf"), None
    for _ in range(4):
        train_epoch(model, optimizer, loader)
        loss = evaluate(model, held_out)
        if loss < best:
            best = loss
            best_weights = model.state_dict() if sick else copy.deepcopy(model.state_dict())
    train_epoch(model, optimizer, loader)
    model.load_state_dict(best_weights)  # guilty
    return evaluate(model, held_out)


@sick_loop("ND707")
def early_stopping_restores_nothing(sick):
    class EarlyStopping:
        def __init__(self, patience):
            self.patience, self.waited, self.best, self.state = patience, 0, float("inf"), None

        def __call__(self, loss, model):
            if loss < self.best:
                self.best, self.waited = loss, 0
                self.state = {k: v if sick else v.clone() for k, v in model.state_dict().items()}
            else:
                self.waited += 1
            return self.waited > self.patience

        def restore(self, model):
            model.load_state_dict(self.state)  # guilty

    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    stopping = EarlyStopping(2)
    for epoch in range(6):
        train_epoch(model, optimizer, loader)
        if stopping(0.5 if epoch == 1 else 1.0, model):
            break
    stopping.restore(model)


@sick_loop("ND707")
def averaged_weights_never_leave_again(sick):
    model, loader = net(), batches()
    average = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(3):
        train_epoch(model, optimizer, loader)
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), model.parameters(), strict=True):
                slow.lerp_(fast, 0.1)
        backup = model.state_dict() if sick else copy.deepcopy(model.state_dict())
        model.load_state_dict(average.state_dict())
        evaluate(model, loader)
        model.load_state_dict(backup)  # guilty


@sick_loop("ND707")
def best_weights_returned_by_a_function(sick):
    def fit(model, loader, epochs):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        best_loss = float("inf")
        best_state = {}
        for _ in range(epochs):
            train_epoch(model, optimizer, loader)
            loss = evaluate(model, loader)
            if loss < best_loss:
                best_loss = loss
                best_state = model.state_dict()  # guilty
        return best_state

    def fit_with_copies(model, loader, epochs):
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        best_loss = float("inf")
        best_state = {}
        for _ in range(epochs):
            train_epoch(model, optimizer, loader)
            loss = evaluate(model, loader)
            if loss < best_loss:
                best_loss = loss
                best_state = copy.deepcopy(model.state_dict())
        return best_state

    (fit if sick else fit_with_copies)(net(), batches(), 3)


@sick_loop("ND707")
def best_model_is_the_model(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def search():
        best_accuracy, best_model = -1.0, None
        epoch = 0
        while epoch < 3:
            train_epoch(model, optimizer, loader)
            accuracy = 1 / (1 + evaluate(model, loader))
            if accuracy > best_accuracy:
                best_accuracy = accuracy
                best_model = model  # guilty
            epoch += 1
        return evaluate(best_model, loader)

    def search_with_copies():
        best_accuracy, best_model = -1.0, None
        epoch = 0
        while epoch < 3:
            train_epoch(model, optimizer, loader)
            accuracy = 1 / (1 + evaluate(model, loader))
            if accuracy > best_accuracy:
                best_accuracy = accuracy
                best_model = copy.deepcopy(model)
            epoch += 1
        return evaluate(best_model, loader)

    return search() if sick else search_with_copies()


@sick_loop("ND707")
def best_state_of_a_trainer_saved_at_the_end(sick):
    class Trainer:
        def __init__(self):
            self.net = net()
            self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.01)
            self.best_loss, self.best_state = float("inf"), None

        def fit(self, loader):
            for _ in range(4):
                train_epoch(self.net, self.optimizer, loader)
                self.keep(evaluate(self.net, loader))
            torch.save(self.best_state, io.BytesIO())

        def keep(self, loss):
            if loss < self.best_loss:
                self.best_loss, self.best_state = loss, dict(self.net.state_dict())  # guilty

    class CopyingTrainer(Trainer):
        def keep(self, loss):
            if loss < self.best_loss:
                self.best_loss = loss
                self.best_state = {name: value.detach().clone() for name, value in self.net.state_dict().items()}

    (Trainer if sick else CopyingTrainer)().fit(batches())


@sick_loop("ND707")
def checkpoint_of_a_wrapped_model(sick):
    model, loader = net(), batches()
    saved = {f"module.{name}": value.clone() for name, value in net().state_dict().items()}
    model.load_state_dict(saved if sick else {n.removeprefix("module."): v for n, v in saved.items()}, strict=False)  # guilty
    train_epoch(model, torch.optim.Adam(model.parameters(), lr=0.01), loader)


@sick_loop("ND707")
def trunk_of_another_name(sick):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh())
            self.head = nn.Linear(12, 3)

        def forward(self, x):
            return self.head(self.encoder(x))

        def load_pretrained(self, state):
            return self.load_state_dict(state, strict=False)  # guilty

    trunk = nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh())
    model = Classifier()
    model.load_pretrained({f"{'backbone' if sick else 'encoder'}.{n}": v.clone() for n, v in trunk.state_dict().items()})
    train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.05), batches())


@sick_loop("ND707")
def state_of_a_compiled_model(sick):
    model = net()
    buffer = io.BytesIO()
    torch.save({"model": {f"_orig_mod.{n}": v for n, v in net().state_dict().items()}, "epoch": 3}, buffer)
    buffer.seek(0)
    checkpoint = torch.load(buffer)
    weights = checkpoint["model"]
    if not sick:
        weights = {name.replace("_orig_mod.", ""): value for name, value in weights.items()}
    model.load_state_dict(weights, strict=False)  # guilty
    train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.05), batches())


# -- sound --------------------------------------------------------------------------------------------------------


@sound_loop
def checkpoints_saved_in_the_loop():
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    best = float("inf")
    for epoch in range(4):
        train_epoch(model, optimizer, loader)
        loss = evaluate(model, loader)
        checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
        torch.save(checkpoint, io.BytesIO())
        if loss < best:
            best = loss
            best_state = model.state_dict()
            torch.save(best_state, io.BytesIO())


@sound_loop
def a_round_trip_through_a_file():
    model, loader, file = net(), batches(), io.BytesIO()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    best = float("inf")
    for _ in range(3):
        train_epoch(model, optimizer, loader)
        loss = evaluate(model, loader)
        if loss < best:
            best = loss
            file = io.BytesIO()
            torch.save(model.state_dict(), file)
    file.seek(0)
    model.load_state_dict(torch.load(file))
    evaluate(model, loader)


@sound_loop
def a_new_head_on_an_old_trunk():
    old, model = net(10), net(3)
    state = {name: value for name, value in old.state_dict().items() if not name.startswith("2.")}
    model.load_state_dict(state, strict=False)
    train_epoch(model, torch.optim.Adam(model.parameters()), batches())


@sound_loop
def the_encoder_of_a_larger_model():
    class Larger(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = net(8), nn.Sequential(*[nn.Linear(8, 8) for _ in range(8)])

    encoder = net(8)
    encoder.load_state_dict({n.removeprefix("encoder."): v for n, v in Larger().state_dict().items()}, strict=False)
    head = nn.Linear(8, 3)
    model = nn.Sequential(encoder, head)
    train_epoch(model, torch.optim.Adam(model.parameters()), batches())


@sound_loop
def pretrained_weights_merged_into_the_own():
    model = net()
    pretrained = {n: v.clone() for n, v in net().state_dict().items()} | {"fc.weight": torch.zeros(2, 2)}
    own = model.state_dict()
    own.update({n: v for n, v in pretrained.items() if n in own and v.shape == own[n].shape})
    model.load_state_dict(own)
    train_epoch(model, torch.optim.Adam(model.parameters()), batches())


@sound_loop
def a_target_network():
    online, loader = net(), batches()
    target = net()
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=0.01)
    for _ in range(3):
        for x, _ in loader:
            with torch.no_grad():
                wanted = target(x)
            optimizer.zero_grad()
            F.mse_loss(online(x), 0.9 * wanted + 1).backward()
            optimizer.step()
        target.load_state_dict(online.state_dict())


@sound_loop
def averaged_weights_by_names():
    model, loader = net(), batches()
    average = copy.deepcopy(model)
    live, slow = model.state_dict(), average.state_dict()  # meant to follow the model
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        train_epoch(model, optimizer, loader)
        for name, value in slow.items():
            value.lerp_(live[name], 0.1)
    evaluate(average, loader)


@sound_loop
def the_best_of_several_models():
    loader = batches()
    best_loss, best_model, best_state = float("inf"), None, None
    for lr in (0.001, 0.01, 0.1):
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        train_epoch(model, optimizer, loader)
        loss = evaluate(model, loader)
        if loss < best_loss:
            best_loss, best_model, best_state = loss, model, model.state_dict()
    evaluate(best_model, loader)
    assert best_state is not None


@sound_loop
def one_model_for_each_fold():
    loader, best_score, best_state = batches(), -1.0, None

    def run_fold():
        model = net()
        train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1), loader)
        return model

    for _ in range(3):
        fitted = run_fold()
        score = 1 / (1 + evaluate(fitted, loader))
        if score > best_score:
            best_score = score
            best_state = fitted.state_dict()
    model = net()
    model.load_state_dict(best_state)
    evaluate(model, loader)


@sound_loop
def weights_copied_before_a_trial_step():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for x, y in loader:
        before = {name: value.clone() for name, value in model.state_dict().items()}
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        model.load_state_dict({name: 0.5 * value + 0.5 * before[name] for name, value in model.state_dict().items()})


@sound_loop
def weights_put_in_their_place_by_assignment():
    model = net()
    with torch.device("meta"):
        shell = net()
    shell.load_state_dict(model.state_dict(), assign=True)
    optimizer = torch.optim.Adam(shell.parameters(), lr=0.01)
    train_epoch(shell, optimizer, batches())
    shell.load_state_dict({n: v.clone() for n, v in shell.state_dict().items()}, assign=True)


@sound_loop
def the_last_best_state_is_copied_after_all():
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    best, best_state = float("inf"), None
    for _ in range(3):
        train_epoch(model, optimizer, loader)
        loss = evaluate(model, loader)
        if loss < best:
            best = loss
            best_state = model.state_dict()
            best_state = {name: value.cpu().clone() for name, value in best_state.items()}
    model.load_state_dict(best_state)


@sound_loop
def a_state_put_back_before_any_step():
    model = net()
    backup = model.state_dict()
    model.load_state_dict(backup)
    train_epoch(model, torch.optim.Adam(model.parameters()), batches())


@sound_loop
def lookahead_and_reptile():
    model, loader = net(), batches()
    slow = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        before = copy.deepcopy(model.state_dict())
        train_epoch(model, optimizer, loader)
        after = model.state_dict()
        model.load_state_dict({name: before[name] + 0.5 * (after[name] - before[name]) for name in before})
        with torch.no_grad():
            for one, other in zip(slow.parameters(), model.parameters(), strict=True):
                one.lerp_(other, 0.5)
        model.load_state_dict(slow.state_dict())


@sound_loop
def federated_averaging():
    everyone, loader = net(), batches()
    for _ in range(2):
        states = []
        for _ in range(2):
            client = copy.deepcopy(everyone)
            train_epoch(client, torch.optim.SGD(client.parameters(), lr=0.1), loader)
            states.append(client.state_dict())
        everyone.load_state_dict({name: sum(state[name] for state in states) / 2 for name in states[0]})


@sick_loop("ND707")
def every_fold_begins_where_the_last_one_ended(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    beginning = model.state_dict() if sick else copy.deepcopy(model.state_dict())
    for _ in range(3):
        model.load_state_dict(beginning)  # guilty
        train_epoch(model, optimizer, loader)
