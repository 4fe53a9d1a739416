"""Metrics that are not what their name says, and unusual ones that are."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from tests.loops import sick_loop, sound_loop


def batches(samples=64, size=16, *, drop_last=False):
    inputs = torch.randn(samples, 6)
    targets = (inputs[:, :3] + inputs[:, 3:]).argmax(1)
    if samples % size:
        inputs[-(samples % size) :] *= 4  # the last batch is not like the others
    return DataLoader(TensorDataset(inputs, targets), batch_size=size, drop_last=drop_last)


def net():
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))


def train(model, loader, epochs=1):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


@sick_loop("ND708")
def mean_of_the_means_of_uneven_batches(sick):
    model, loader = net(), batches()
    held_out = batches(34, 32 if sick else 17)
    train(model, loader)
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in held_out:
            total += F.cross_entropy(model(x), y).item()
    return total / len(held_out)  # guilty


@sick_loop("ND708")
def mean_of_a_list_of_uneven_batches(sick):
    class Trainer:
        def __init__(self):
            self.model, self.loss_fn = net(), nn.CrossEntropyLoss()

        @torch.no_grad()
        def validate(self, loader):
            self.model.eval()
            losses = []
            for x, y in loader:
                loss = self.loss_fn(self.model(x), y)
                losses.append(loss.item())
            return sum(losses) / len(losses)  # guilty

    trainer = Trainer()
    train(trainer.model, batches())
    trainer.validate(batches(34, 32, drop_last=not sick))


@sick_loop("ND708")
def accuracies_of_uneven_batches(sick):
    model = net()
    train(model, batches())

    def accuracy(model, loader):
        model.eval()
        scores = []
        with torch.no_grad():
            for x, y in loader:
                scores.append((model(x).argmax(1) == y).float().mean())
        return torch.stack(scores).mean()  # guilty

    return accuracy(model, batches(33, 16 if sick else 11))


@sick_loop("ND708")
def correct_ones_over_batches(sick):
    model, loader, held_out = net(), batches(), batches(64, 16)
    train(model, loader)

    def test():
        correct = 0
        model.eval()
        with torch.no_grad():
            for x, y in held_out:
                correct += (model(x).argmax(dim=1) == y).sum().item()
        accuracy = 100 * correct / len(held_out)  # guilty
        return f"{accuracy:.1f} %"

    def test_well():
        correct = 0
        model.eval()
        with torch.no_grad():
            for x, y in held_out:
                correct += (model(x).argmax(dim=1) == y).sum().item()
        return f"{100 * correct / len(held_out.dataset):.1f} %"

    return test() if sick else test_well()


@sick_loop("ND708")
def mean_losses_over_samples(sick):
    model = net()
    loss_fn = nn.CrossEntropyLoss()

    def evaluate(loader):
        model.eval()
        running = 0.0
        with torch.no_grad():
            for batch in loader:
                x, y = batch
                loss = loss_fn(model(x), y)
                running += loss.item()
        return running / len(loader.dataset)  # guilty

    def evaluate_by_samples(loader):
        model.eval()
        running = 0.0
        with torch.no_grad():
            for batch in loader:
                x, y = batch
                loss = loss_fn(model(x), y)
                running += loss.item() * x.size(0)
        return running / len(loader.dataset)

    train(model, batches())
    (evaluate if sick else evaluate_by_samples)(batches(48, 16))


@sick_loop("ND708")
def sums_over_batches(sick):
    def validate(model, val_dl):
        model.eval()
        val_loss = 0.0
        for x, y in val_dl:
            with torch.no_grad():
                loss = F.cross_entropy(model(x), y)
            val_loss += loss.item() * x.size(0)
        val_loss /= len(val_dl)  # guilty
        return val_loss

    def validate_in_batches(model, val_dl):
        model.eval()
        val_loss = 0.0
        for x, y in val_dl:
            with torch.no_grad():
                loss = F.cross_entropy(model(x), y)
            val_loss += loss.item()
        val_loss /= len(val_dl)
        return val_loss

    model = net()
    train(model, batches())
    (validate if sick else validate_in_batches)(model, batches(48, 16))


@sick_loop("ND708")
def accuracy_of_the_last_batch(sick):
    model, loader, held_out = net(), batches(), batches(60, 20)

    def run():
        for epoch in range(2):
            train(model, loader)
            model.eval()
            with torch.no_grad():
                for x, y in held_out:
                    predicted = model(x).argmax(1)
                    accuracy = (predicted == y).float().mean()  # guilty
            print(f"epoch {epoch}: accuracy {accuracy:.3f}")

    def run_well():
        for epoch in range(2):
            train(model, loader)
            model.eval()
            hits = []
            with torch.no_grad():
                for x, y in held_out:
                    predicted = model(x).argmax(1)
                    hits.append((predicted == y).float())
            accuracy = torch.cat(hits).mean()
            print(f"epoch {epoch}: accuracy {accuracy:.3f}")

    return run() if sick else run_well()


@sick_loop("ND708")
def loss_of_the_last_batch(sick):
    class Evaluation:
        def __init__(self, model, loader):
            self.model, self.loader = model, loader

        def __call__(self):
            self.model.eval()
            with torch.no_grad():
                for x, y in self.loader:
                    val_loss = F.cross_entropy(self.model(x), y)  # guilty
            return val_loss.item()

    class EvaluationOfAll(Evaluation):
        def __call__(self):
            self.model.eval()
            losses = []
            with torch.no_grad():
                for x, y in self.loader:
                    val_loss = F.cross_entropy(self.model(x), y)
                    losses.append(val_loss * len(y))
            return torch.stack(losses).sum() / len(self.loader.dataset)

    model = net()
    train(model, batches())
    (Evaluation if sick else EvaluationOfAll)(model, batches(60, 20))()


@sick_loop("ND708")
def counts_of_all_epochs(sick):
    model, loader, held_out = net(), batches(), batches(40, 20)

    def fit():
        correct = 0
        for epoch in range(3):
            train(model, loader)
            model.eval()
            with torch.no_grad():
                for x, y in held_out:
                    correct += int((model(x).argmax(1) == y).sum())
            print(epoch, "accuracy", correct / len(held_out.dataset))  # guilty

    def fit_well():
        for epoch in range(3):
            correct = 0
            train(model, loader)
            model.eval()
            with torch.no_grad():
                for x, y in held_out:
                    correct += int((model(x).argmax(1) == y).sum())
            print(epoch, "accuracy", correct / len(held_out.dataset))

    return fit() if sick else fit_well()


@sick_loop("ND708")
def training_loss_of_all_epochs(sick):
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def update(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    def fit():
        running_loss, epoch = 0.0, 0
        while epoch < 3:
            for x, y in loader:
                optimizer.zero_grad()
                loss = F.cross_entropy(model(x), y)
                loss.backward()
                optimizer.step()
                running_loss += loss.item()
            print(f"{epoch}: {running_loss / len(loader):.3f}")  # guilty
            epoch += 1

    def fit_well():
        running_loss, epoch = 0.0, 0
        while epoch < 3:
            for x, y in loader:
                running_loss += update(x, y).item()
            print(f"{epoch}: {running_loss / len(loader):.3f}")
            running_loss = 0.0
            epoch += 1

    return fit() if sick else fit_well()


@sick_loop("ND708")
def evaluated_over_all_epochs_without_setting_back(sick):
    class Trainer:
        def __init__(self):
            self.model, self.loader, self.held_out = net(), batches(), batches(40, 10)

        def fit(self):
            hits, seen = 0, 0
            for _ in range(3):
                train(self.model, self.loader)
                self.model.eval()
                for x, y in self.held_out:
                    with torch.no_grad():
                        hits += (self.model(x).argmax(1) == y).sum().item()
                    seen += y.size(0)
                print(f"accuracy {hits / seen:.3f}")  # guilty

        def fit_well(self):
            for _ in range(3):
                train(self.model, self.loader)
                self.model.eval()
                hits, seen = 0, 0
                for x, y in self.held_out:
                    with torch.no_grad():
                        hits += (self.model(x).argmax(1) == y).sum().item()
                    seen += y.size(0)
                print(f"accuracy {hits / seen:.3f}")

    trainer = Trainer()
    return trainer.fit() if sick else trainer.fit_well()


@sick_loop("ND708")
def hits_kept_in_a_variable(sick):
    model, held_out = net(), batches(33, 16 if sick else 11)
    train(model, batches())
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in held_out:
            hit = (model(x).argmax(1) == y).float()
            total += hit.mean().item()
    return total / len(held_out)  # guilty


def share_of_hits(logits, y):
    predicted = logits.argmax(1)
    return (predicted == y).float().mean().item()


@sick_loop("ND708")
def accuracy_by_a_function_of_a_batch(sick):
    model, held_out = net(), batches(33, 16 if sick else 11)
    train(model, batches())
    model.eval()
    scores = []
    with torch.no_grad():
        for x, y in held_out:
            scores.append(share_of_hits(model(x), y))
    return sum(scores) / len(scores)  # guilty


@sick_loop("ND708")
def sum_of_a_comprehension(sick):
    model, held_out = net(), batches(34, 32 if sick else 17)
    train(model, batches())
    model.eval()
    with torch.no_grad():
        total = sum((model(x).argmax(1) == y).float().mean() for x, y in held_out)
    return float(total / len(held_out))  # guilty


@sick_loop("ND708")
def mean_of_a_list_made_at_once(sick):
    model, held_out = net(), batches(34, 32 if sick else 17)
    train(model, batches())
    model.eval()
    with torch.no_grad():
        scores = [share_of_hits(model(x), y) for x, y in held_out]
    return sum(scores) / len(scores)  # guilty


@sound_loop
def a_quick_look_at_the_mean_of_losses():
    model, held_out = net(), batches(34, 32)
    train(model, batches())
    model.eval()
    with torch.no_grad():
        return sum(F.cross_entropy(model(x), y).item() for x, y in held_out) / len(held_out)


# -- sound --------------------------------------------------------------------------------------------------------


@sound_loop
def hits_of_a_comprehension_over_all_samples():
    model, held_out = net(), batches(34, 32)
    train(model, batches())
    model.eval()
    with torch.no_grad():
        correct = sum((model(x).argmax(1) == y).sum().item() for x, y in held_out)
        summed = sum(F.cross_entropy(model(x), y).item() * len(y) for x, y in held_out)
        few = [share_of_hits(model(x), y) for x, y in held_out if len(y) > 2]
    return correct / len(held_out.dataset), summed / len(held_out.dataset), sum(few) / len(few)


@sound_loop
def weighted_by_the_size_of_the_batch():
    model, held_out = net(), batches(34, 32)
    train(model, batches(50, 16), 2)
    model.eval()
    total, correct, count = 0.0, 0, 0
    with torch.no_grad():
        for x, y in held_out:
            logits = model(x)
            total += F.cross_entropy(logits, y).item() * x.size(0)
            correct += (logits.argmax(1) == y).sum().item()
            count += y.size(0)
    return total / count, correct / len(held_out.dataset)


@sound_loop
def losses_summed_over_samples():
    model, held_out = net(), batches(34, 32)
    train(model, batches())
    model.eval()
    loss_fn, total = nn.CrossEntropyLoss(reduction="sum"), 0.0
    with torch.no_grad():
        for x, y in held_out:
            total += loss_fn(model(x), y).item()
    return total / len(held_out.dataset)


@sound_loop
def even_batches():
    model, held_out = net(), batches(48, 16)
    train(model, batches())
    model.eval()
    total, accuracies = 0.0, []
    with torch.no_grad():
        for x, y in held_out:
            logits = model(x)
            total += F.cross_entropy(logits, y).item()
            accuracies.append((logits.argmax(1) == y).float().mean().item())
    return total / len(held_out), sum(accuracies) / len(accuracies)


@sound_loop
def a_last_batch_that_is_hardly_smaller():
    model = net()
    inputs = torch.randn(126, 6)
    held_out = DataLoader(TensorDataset(inputs, inputs[:, :3].argmax(1)), batch_size=16)
    train(model, batches())
    model.eval()
    total = 0.0
    with torch.no_grad():
        for x, y in held_out:
            total += F.cross_entropy(model(x), y).item()
    return total / len(held_out)


@sound_loop
def a_running_average_for_the_eye():
    model, loader = net(), batches(200, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    running_loss, shown = 0.0, []
    for _ in range(2):
        for i, (x, y) in enumerate(loader):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
            if i % 5 == 4:
                shown.append(running_loss / 5)
                running_loss = 0.0


@sound_loop
def training_loss_over_uneven_batches():
    model, loader = net(), batches(50, 16)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(total / len(loader))


@sound_loop
def a_metric_object():
    class Accuracy:
        def __init__(self):
            self.correct = self.count = 0

        def update(self, logits, y):
            self.correct += (logits.argmax(1) == y).sum().item()
            self.count += len(y)

        def compute(self):
            return self.correct / self.count

        def reset(self):
            self.correct = self.count = 0

    model, held_out, accuracy = net(), batches(34, 16), Accuracy()
    for _ in range(3):
        train(model, batches())
        model.eval()
        accuracy.reset()
        with torch.no_grad():
            for x, y in held_out:
                accuracy.update(model(x), y)
        print(accuracy.compute())


@sound_loop
def a_peek_at_one_batch():
    model, held_out = net(), batches(60, 20)
    train(model, batches())
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            accuracy = (model(x).argmax(1) == y).float().mean()
            break
    print(f"a first look: {accuracy:.2f}")


@sound_loop
def the_last_training_loss_is_shown():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for epoch in range(2):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch}, loss {loss.item():.3f}")


@sound_loop
def segmentation_by_pixels():
    model = nn.Conv2d(1, 2, 3, padding=1)
    images = torch.randn(32, 1, 6, 6)
    loader = DataLoader(TensorDataset(images, (images[:, 0] > 0).long()), batch_size=8)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(2):
        correct = pixels = 0
        for x, y in loader:
            optimizer.zero_grad()
            logits = model(x)
            F.cross_entropy(logits, y).backward()
            optimizer.step()
            correct += (logits.argmax(1) == y).sum().item()
            pixels += y.numel()
        print(correct / pixels)


@sound_loop
def all_outputs_joined_before_they_are_judged():
    model, held_out = net(), batches(34, 16)
    train(model, batches())
    model.eval()
    outputs, targets = [], []
    with torch.no_grad():
        for x, y in held_out:
            outputs.append(model(x))
            targets.append(y)
    logits, labels = torch.cat(outputs), torch.cat(targets)
    return (logits.argmax(1) == labels).float().mean(), F.cross_entropy(logits, labels)


@sound_loop
def counts_of_the_whole_run():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    samples_seen, loss_sum = 0, 0.0
    for _ in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            samples_seen += len(x)
            loss_sum += loss.item() * len(x)
    print(f"{loss_sum / samples_seen:.3f} on average over the whole run of {samples_seen} samples")


@sound_loop
def correct_ones_over_batches_of_one():
    model, held_out = net(), batches(12, 1)
    train(model, batches())
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in held_out:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / len(held_out)


@sound_loop
def a_single_epoch_needs_no_setting_back():
    model, loader, held_out = net(), batches(), batches(40, 20)
    correct = 0
    for _ in range(1):
        train(model, loader)
        model.eval()
        with torch.no_grad():
            for x, y in held_out:
                correct += (model(x).argmax(1) == y).sum().item()
        print(correct / len(held_out.dataset))


@sound_loop
def accuracy_of_training_over_all_that_was_seen():
    model, loader = net(), batches()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    hits = seen = 0
    for epoch in range(3):
        for x, y in loader:
            optimizer.zero_grad()
            logits = model(x)
            F.cross_entropy(logits, y).backward()
            optimizer.step()
            hits += (logits.argmax(1) == y).sum().item()
            seen += len(y)
        print(f"after {epoch} epochs: {hits / seen:.3f} of {seen}")


@sound_loop
def means_of_several_epochs():
    model, loader, held_out, history = net(), batches(), batches(64, 16), []
    for _ in range(3):
        train(model, loader)
        model.eval()
        total, count = 0.0, 0
        with torch.no_grad():
            for x, y in held_out:
                total += (model(x).argmax(1) == y).float().mean().item()
                count += 1
        history.append(total / count)
    return sum(history) / len(history)


BATCH = 32


@sick_loop("ND708", where="correct")
def hits_over_full_batches(sick):
    model, loader = net(), batches()
    held_out = batches(40 if sick else 64, BATCH)
    train(model, loader)
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in held_out:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / (len(held_out) * BATCH)  # guilty


@sound_loop
def hits_over_full_batches_of_which_the_last_was_dropped():
    model, loader, held_out = net(), batches(), batches(70, 32, drop_last=True)
    train(model, loader)
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in held_out:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / (len(held_out) * held_out.batch_size)


# -- hits behind a name, and behind what only gives them another type ------------------------------------------------


@sick_loop("ND708")
def mean_of_the_shares_of_hits_that_have_a_name(sick):
    model = net()
    train(model, batches())
    held_out, shares = batches(33 if sick else 32, 16), []
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            right = model(x).argmax(1) == y
            shares.append(right.float().mean().item())
    return float(np.mean(shares))  # guilty


@sick_loop("ND708")
def mean_of_a_stack_of_shares(sick):
    model = net()
    train(model, batches())
    held_out, shares = batches(33 if sick else 32, 16), []
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            right = torch.eq(model(x).argmax(1), y).to(torch.float32)
            share = right.cpu().numpy().mean()
            shares.append(share)
    return torch.tensor(shares).mean()  # guilty


@sound_loop
def shares_of_hits_weighted_by_their_samples():
    model = net()
    train(model, batches())
    held_out, shares, sizes = batches(33, 16), [], []
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            right = model(x).argmax(1) == y
            shares.append(right.float().mean().item())
            sizes.append(len(y))
    return float(np.average(shares, weights=sizes))


# -- rates that divide by a count of each batch's own -------------------------------------------------------------------


@sick_loop("ND708")
def mean_of_the_recalls_of_batches(sick):
    model, held_out, recalls = net(), batches(64, 8 if sick else 64), []
    train(model, batches())
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            said, true = (model(x).argmax(1) == 0).float(), (y == 0).float()
            hits, there = (said * true).sum().item(), true.sum().item()
            recalls.append(hits / max(there, 1.0))
    return np.mean(recalls)  # guilty


@sick_loop("ND708")
def precisions_by_a_function_added_up(sick):
    model, held_out, total = net(), batches(64, 8 if sick else 64), 0.0
    train(model, batches())

    def precision(said, true):
        tp, fp = (said & true).sum(), (said & ~true).sum()
        return tp / (tp + fp + 1e-8)

    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            total += precision(model(x).argmax(1) == 0, y == 0).item()
    return total / len(held_out)  # guilty


@sound_loop
def recall_of_the_hits_of_all_batches():
    model, held_out = net(), batches(64, 8)
    train(model, batches())
    found = present = 0
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            found += ((model(x).argmax(1) == 0) & (y == 0)).sum().item()
            present += (y == 0).sum().item()
            recall = found / max(present, 1)
    return recall


@sound_loop
def recalls_of_equal_numbers():
    model, held_out = net(), batches(64, 8)
    train(model, batches())
    recalls = []
    model.eval()
    with torch.no_grad():
        for x, y in held_out:
            recalls.append((model(x).argmax(1) == y).sum().item() / len(y))
    return np.mean(recalls)


@sound_loop
def recalls_of_queries():
    model, held_out = net(), batches(64, 8)
    train(model, batches())
    recalls, recalls_at_2 = [], []
    model.eval()
    with torch.no_grad():
        for x, _ in held_out:
            wanted = (x > 0).float()
            got = (model(x).repeat(1, 2) > 0).float()
            recalls.append(((got * wanted).sum(1) / wanted.sum(1).clamp(min=1)).mean().item())
            recalls_at_2.append((got * wanted).sum().item() / wanted.sum().item())
    return np.mean(recalls), np.mean(recalls_at_2)
