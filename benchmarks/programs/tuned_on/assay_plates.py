"""Regresses two read-outs of a plate assay with a hand-made deep dense network.

code: ND202
also: ND503, ND406
object: layers.0 | layers.1 | layers.2 | layers.3 | layers.0.w | layers.1.w | layers.2.w | layers.3.w
seen: both
"""
import torch
from torch import nn


class Dense(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.w = nn.Parameter(torch.randn(n_in, n_out))  # fault
        # fixed: self.w = nn.Parameter(torch.randn(n_in, n_out) * (2 / n_in) ** 0.5)
        self.b = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return x @ self.w + self.b


class PlateNet(nn.Module):
    def __init__(self, dims=(20, 64, 64, 64, 2)):
        super().__init__()
        self.layers = nn.ModuleList(Dense(a, b) for a, b in zip(dims[:-1], dims[1:]))  # here

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.relu(layer(x))
        return self.layers[-1](x)


torch.manual_seed(8)
doses = torch.randn(640, 20)
mix = torch.randn(20, 2) / 20 ** 0.5
reads = torch.sin(2 * doses @ mix) + 0.5 * doses[:, :2] * doses[:, 2:4] + 0.1 * torch.randn(640, 2)
reads = (reads - reads.mean(0)) / reads.std(0)
perm = torch.randperm(640)
tr, va = perm[:512], perm[512:]
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(doses[tr], reads[tr]), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(doses[va], reads[va]), batch_size=128)

model = PlateNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    with torch.no_grad():
        se = sum(((model(x) - y) ** 2).sum().item() for x, y in val_loader)
    model.train()
    return se / (2 * len(va))


def train(epochs=12):
    for ep in range(epochs):
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        evaluate()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
