"""Does a patient respond? Logistic regression on the expression of 300 genes, 90 patients.

code: ND703
also:
object: weight_decay | optimizer | SGD
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

gen = torch.Generator().manual_seed(101)
GENES, TRAIN, VAL = 300, 90, 400
genes = torch.randn(TRAIN + VAL, GENES, generator=gen)
factor = torch.randn(TRAIN + VAL, 1, generator=gen)
genes = 0.7 * factor * (torch.rand(1, GENES, generator=gen) > 0.5) + genes
chance = torch.sigmoid(1.5 * factor)
respond = torch.bernoulli(chance, generator=gen)
genes = (genes - genes[:TRAIN].mean(0)) / genes[:TRAIN].std(0)

train_loader = DataLoader(TensorDataset(genes[:TRAIN], respond[:TRAIN]), batch_size=15, shuffle=True)
val_loader = DataLoader(TensorDataset(genes[TRAIN:], respond[TRAIN:]), batch_size=200)

torch.manual_seed(101)
model = nn.Linear(GENES, 1)
nn.init.normal_(model.weight, std=1e-3)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, weight_decay=0.0)  # fault
# fixed: optimizer = torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=1.5)
history = []


@torch.no_grad()
def validation():
    losses = [loss_fn(model(g), r) for g, r in val_loader]
    return torch.stack(losses).mean().item()


def train():
    for epoch in range(70):
        for g, r in train_loader:
            loss = loss_fn(model(g), r)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        history.append(validation())


if __name__ == "__main__":
    train()
