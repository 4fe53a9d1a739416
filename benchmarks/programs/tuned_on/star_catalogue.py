"""Spectral type (O B A F G K M) of stars from five colour bands.

code: ND404
also: ND305
object: loss_fn | MSELoss | head | classifier
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TYPES = "OBAFGKM"
torch.manual_seed(99)
perm_of_type = torch.tensor([3, 0, 6, 2, 5, 1, 4])  # id in the catalogue
kind = torch.randint(0, 7, (1400,))
temperature = kind.float() - 3
bands = torch.stack([torch.sin(temperature * f / 3) + 0.15 * torch.randn(1400) for f in (1, 2, 3, 4, 5)], 1)
label = perm_of_type[kind]
bands = (bands - bands[:1100].mean(0)) / bands[:1100].std(0)
train_loader = DataLoader(TensorDataset(bands[:1100], label[:1100]), batch_size=55, shuffle=True)
val_loader = DataLoader(TensorDataset(bands[1100:], label[1100:]), batch_size=100)


class SpectralNet(nn.Module):
    def __init__(self, n_out):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU())
        self.head = nn.Linear(48, n_out)

    def forward(self, x):
        return self.head(self.body(x))


model = SpectralNet(1)  # fault
# fixed: model = SpectralNet(len(TYPES))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def loss_fn(out, y):
    return nn.functional.mse_loss(out.squeeze(1), y.float())  # fault
    # fixed: return nn.functional.cross_entropy(out, y)


def decode(out):
    return out.squeeze(1).round().long().clamp(0, 6)  # fault
    # fixed: return out.argmax(1)


def train():
    for epoch in range(10):
        model.train()
        history = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((decode(model(x)) == y).sum().item() for x, y in val_loader) / 300
        print(epoch, acc)
    return sum(history) / len(history)


if __name__ == "__main__":
    print(train())
