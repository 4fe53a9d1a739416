"""Digits with a small mixture of experts; validation uses an exponential moving average of the weights.

code: ND707
also:
object: ema | ema.shadow | shadow | EMA | state_dict
seen: both
"""
import torch
from sklearn.datasets import load_digits
from torch import nn


class EMA:
    def __init__(self, net, decay=0.98):
        self.decay = decay
        self.shadow = dict(net.named_parameters())  # fault
        # fixed: self.shadow = {k: p.detach().clone() for k, p in net.named_parameters()}

    @torch.no_grad()
    def update(self, net):
        for k, p in net.named_parameters():
            self.shadow[k].lerp_(p, 1 - self.decay)  # here

    @torch.no_grad()
    def swap(self, net):
        for k, p in net.named_parameters():
            p.data, self.shadow[k].data = self.shadow[k].data, p.data


class Mixture(nn.Module):
    def __init__(self, experts=4, width=24):
        super().__init__()
        self.gate = nn.Linear(64, experts)
        self.experts = nn.ModuleList([nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10)) for _ in range(experts)])

    def forward(self, x):
        share = self.gate(x).softmax(-1)
        return torch.einsum("be,ebc->bc", share, torch.stack([expert(x) for expert in self.experts]))


torch.manual_seed(6)
digits = load_digits()
perm = torch.randperm(1797)
x, y = torch.tensor(digits.data, dtype=torch.float32)[perm], torch.tensor(digits.target)[perm]
x = (x - x[:1400].mean()) / x[:1400].std()
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[:1400], y[:1400]), batch_size=28, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x[1400:], y[1400:]), batch_size=397)
model = Mixture()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.06, momentum=0.9)
ema = EMA(model)  # here


def accuracy():
    model.eval()
    with torch.no_grad():
        return sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / 397


def train():
    for epoch in range(5):
        model.train()
        seen = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            ema.update(model)
            seen.append(loss.item())
        raw = accuracy()
        ema.swap(model)
        averaged = accuracy()
        ema.swap(model)
        print(f"{epoch} loss {sum(seen) / len(seen):.3f} raw {raw:.3f} averaged {averaged:.3f}")
    return sum(seen) / len(seen)


if __name__ == "__main__":
    train()
