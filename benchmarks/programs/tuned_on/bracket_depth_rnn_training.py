"""How deep does a string of brackets nest? A recurrent net over characters, depths 3 to 6.

code: ND602
also:
object: optimizer | step | train
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(6)
torch.manual_seed(6)


def brackets():
    while True:
        s, depth, deepest = [], 0, 0
        for _ in range(20):
            up = depth == 0 or (rng.random() < 0.5)
            depth += 1 if up else -1
            deepest = max(deepest, depth)
            s.append(0 if up else 1)
        if 3 <= deepest <= 6:
            return tuple(s), deepest - 3


class DepthNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(2, 8)
        self.rnn = nn.GRU(8, 32, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, s):
        _, last = self.rnn(self.embed(s))
        return self.head(last[0])


by_class = [set() for _ in range(4)]
while min(map(len, by_class)) < 240:
    s, d = brackets()
    if len(by_class[d]) < 240:
        by_class[d].add(s)
strings = torch.tensor([s for group in by_class for s in sorted(group)])
depth = torch.arange(4).repeat_interleave(240)
order = torch.randperm(960)
strings, depth = strings[order], depth[order]
train_loader = DataLoader(TensorDataset(strings[:840], depth[:840]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(strings[840:], depth[840:]), batch_size=60)
model = DepthNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(10):
        model.train()
        for s, d in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(s), d)
            loss.backward()  # fault
            # fixed: loss.backward()
            # fixed: optimizer.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(s).argmax(1) == d).sum().item() for s, d in val_loader) / 120
    print("val accuracy", acc)


if __name__ == "__main__":
    train()
