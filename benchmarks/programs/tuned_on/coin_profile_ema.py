"""Classify coins from profile measurements; a moving average of the weights is kept for use.

code: ND306
also: ND707
object: average | follow | buffers | parameters | BatchNorm1d | running_mean | running_var | deepcopy
seen: watch
"""
import copy

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(27)
coin = torch.randint(0, 4, (1200,))
prototypes = torch.randn(4, 20)
profile = prototypes[coin] + 1.3 * torch.randn(1200, 20)
profile = (profile - profile[:1000].mean(0)) / profile[:1000].std(0)
train_loader = DataLoader(TensorDataset(profile[:1000], coin[:1000]), batch_size=50, shuffle=True)
val_loader = DataLoader(TensorDataset(profile[1000:], coin[1000:]), batch_size=100)


class CoinNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(20, 64), nn.ReLU(), nn.BatchNorm1d(64),
            nn.Linear(64, 64), nn.ReLU(), nn.BatchNorm1d(64),
            nn.Linear(64, 64), nn.ReLU(), nn.BatchNorm1d(64),
            nn.Linear(64, 4),
        )

    def forward(self, x):
        return self.layers(x)


model = CoinNet()
average = copy.deepcopy(model)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


@torch.no_grad()
def follow(decay=0.9):
    for slow, fast in zip(average.parameters(), model.parameters()):  # here
        slow.lerp_(fast, 1 - decay)  # here
    average.eval()  # fault
    # fixed: for slow, fast in zip(average.buffers(), model.buffers()):
    # fixed:     slow.copy_(fast)
    # fixed: average.eval()


def score(net):
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(a) for a, _ in val_loader])
    return loss_fn(logits, coin[1000:]).item(), (logits.argmax(1) == coin[1000:]).float().mean().item()


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
            follow()  # here
    print("averaged model:", score(average), "last weights:", score(model))  # here


if __name__ == "__main__":
    train()
