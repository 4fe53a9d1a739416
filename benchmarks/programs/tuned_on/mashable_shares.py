"""Will an article be shared a lot? Keeps the best epoch's weights and restores them.

code: ND707
also:
object: best_weights | best_state | state_dict | model | load_state_dict
seen: watch
"""
import copy

import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(15)
torch.manual_seed(15)

n = 1400
words_title = np.random.normal(10, 2, n)
words_body = np.random.lognormal(6, 0.6, n)
links = np.random.poisson(8, n)
images = np.random.poisson(4, n)
polarity = np.random.normal(0.1, 0.1, n)
weekend = (np.random.rand(n) < 0.28).astype(float)
channel = np.eye(4)[np.random.randint(0, 4, n)]
num = np.stack([words_title, np.log(words_body), np.log1p(links), np.log1p(images), polarity], 1)
Z = (num - num.mean(0)) / num.std(0)
logit = 0.9 * weekend + 1.1 * Z[:, 2] - 0.9 * Z[:, 1] * Z[:, 4] + channel @ np.array([1.0, -1.0, 0.4, -0.4]) + 0.8 * Z[:, 3] - 0.25
shared = (np.random.rand(n) < 1 / (1 + np.exp(-1.3 * logit))).astype(np.float32)

tr, va = np.arange(n) < 1100, np.arange(n) >= 1100
num = (num - num[tr].mean(0)) / num[tr].std(0)
features = np.concatenate([num, weekend[:, None] * 2 - 1, channel], 1).astype(np.float32)
dl = lambda m, bs, sh: DataLoader(TensorDataset(torch.from_numpy(features[m]), torch.from_numpy(shared[m][:, None])), batch_size=bs, shuffle=sh)
dataloaders = {"train": dl(tr, 50, True), "val": dl(va, 100, False)}
train_loader, val_loader = dataloaders["train"], dataloaders["val"]

model = nn.Sequential(nn.Linear(10, 32), nn.ELU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.ELU(), nn.Linear(16, 1))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.3)


def train_model(num_epochs):
    best_weights, best_acc = copy.deepcopy(model.state_dict()), 0.0
    for epoch in range(num_epochs):
        for phase in ["train", "val"]:
            model.train(phase == "train")
            running_loss, running_corrects, seen = 0.0, 0, 0
            for inputs, labels in dataloaders[phase]:
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = loss_fn(outputs, labels)
                    if phase == "train":
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                running_loss += loss.item() * len(inputs)
                running_corrects += ((outputs > 0).float() == labels).sum().item()
                seen += len(inputs)
            if phase == "train":
                scheduler.step()
                train_loss = running_loss / seen
            acc = running_corrects / seen
            print(f"{phase} Loss: {running_loss / seen:.4f} Acc: {acc:.4f}")
            if phase == "val" and acc > best_acc:
                best_acc = acc
                best_weights = model.state_dict()  # fault
                # fixed: best_weights = copy.deepcopy(model.state_dict())
    print(f"Best val Acc: {best_acc:4f}")
    model.load_state_dict(best_weights)  # here
    return train_loss


def train():
    return train_model(14)


if __name__ == "__main__":
    print(train())
