"""Penguin species from four measures; keeps the weights of the best validation epoch.

code: ND707
also:
object: best_weights | state_dict | model.state_dict
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(16)
means = torch.tensor([[39.0, 18.4, 190.0, 3700.0], [48.8, 18.4, 196.0, 3730.0], [47.5, 15.0, 217.0, 5080.0]])
stds = torch.tensor([2.7, 1.1, 6.5, 420.0])
species = torch.randint(0, 3, (900,))
measures = means[species] + stds * torch.randn(900, 4)
measures = (measures - means.mean(0)) / torch.tensor([5.2, 2.0, 13.6, 770.0])
train_set, val_set = random_split(TensorDataset(measures, species), [600, 300])
train_loader = DataLoader(train_set, batch_size=24, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() * len(y) for x, y in val_loader) / len(val_set)


def train():
    best_loss, best_weights = float("inf"), None
    for epoch in range(14):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        val_loss = validate()
        if val_loss < best_loss:
            best_loss = val_loss
            best_weights = model.state_dict()  # fault
            # fixed: best_weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(best_weights)  # here
    print(f"best validation loss {best_loss:.5f}, of the weights kept {validate():.5f}")
    return total / len(train_set)


if __name__ == "__main__":
    print(train())
