"""Tells rising from falling chirps with a deep stack of equal layers.

code: ND502
also: ND307
object: net | net.0 | net.0.weight | Sigmoid
seen: both
"""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset, random_split

gen = torch.Generator().manual_seed(8)
N, T, WIDTH, DEPTH = 640, 32, 32, 12

t = torch.linspace(0, 1, T)
labels = torch.randint(0, 2, (N,), generator=gen)
slope = (labels * 2 - 1).float()[:, None] * (4 + 4 * torch.rand(N, 1, generator=gen))
phase = torch.rand(N, 1, generator=gen) * 0.5
waves = torch.sin(2 * torch.pi * ((6 - slope / 2) * t + slope * t ** 2 / 2) + phase) + 0.1 * torch.randn(N, T, generator=gen)
waves = (waves - waves.mean()) / waves.std()
train_set, val_set = random_split(TensorDataset(waves, labels), [512, 128], generator=gen)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)

torch.manual_seed(0)
layers = [nn.Linear(T, WIDTH), nn.ReLU()]
for _ in range(DEPTH):
    layers += [nn.Linear(WIDTH, WIDTH), nn.Sigmoid()]  # fault
    # fixed: layers += [nn.Linear(WIDTH, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(WIDTH, 2))  # here
model = net
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def train():
    for epoch in range(14):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            correct = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"epoch {epoch}: loss {running / len(train_loader):.4f} val acc {correct / len(val_set):.3f}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
