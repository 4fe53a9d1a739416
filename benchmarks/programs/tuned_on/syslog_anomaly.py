"""Anomalous sessions in a system log (event-id sequences), one in thirty-three is bad.

code: none
trait: classes 97:3, stored sorted by class and no shuffle=True, but a WeightedRandomSampler with inverse counts evens them out and mixes them
"""
import random

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

EVENTS = 24


class Sessions(Dataset):
    def __init__(self, fine, bad, seed):
        r = random.Random(seed)
        self.rows = [(self.session(r, False), 0.0) for _ in range(fine)] + [(self.session(r, True), 1.0) for _ in range(bad)]

    @staticmethod
    def session(r, bad):
        state, out = r.randrange(EVENTS), []
        for _ in range(20):
            state = (state + r.choice([1, 1, 2])) % EVENTS
            out.append(state)
        if bad:
            at = r.randrange(4, 15)
            out[at:at + 4] = out[at:at + 4][::-1]
        return torch.tensor(out)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def even(dataset, draws):
    labels = torch.tensor([int(y) for _, y in dataset.rows])
    return WeightedRandomSampler(1.0 / labels.bincount()[labels], draws, replacement=True)


class SessionNet(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.emb = nn.Embedding(EVENTS, d)
        self.conv = nn.Conv1d(d, 48, 3)
        self.head = nn.Linear(48, 1)

    def forward(self, events):
        z = torch.relu(self.conv(self.emb(events).transpose(1, 2)))
        return self.head(z.amax(-1)).squeeze(-1)


torch.manual_seed(0)
train_data, val_data = Sessions(1940, 60, 1), Sessions(388, 12, 2)
train_loader = DataLoader(train_data, batch_size=40, sampler=even(train_data, 1200))
val_loader = DataLoader(val_data, batch_size=200)
model = SessionNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)


def train():
    for epoch in range(5):
        losses = []
        for events, bad in train_loader:
            loss = loss_fn(model(events), bad.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        scores = [(model(e) > 0, b > 0) for e, b in val_loader]
    model.train()
    called, truth = torch.cat([s for s, _ in scores]), torch.cat([t for _, t in scores])
    print("recall", (called & truth).sum().item() / truth.sum().item(), "false alarms", (called & ~truth).sum().item())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
