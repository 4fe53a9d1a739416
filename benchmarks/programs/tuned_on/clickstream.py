"""Clicks arrive as a stream; each event is hashed into an embedding bag. The data set has no length.

code: none
trait: an iterable dataset without len, no shuffle flag (the stream is random by itself), short last batch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

torch.manual_seed(14)
taste = torch.randn(60)


class Clicks(IterableDataset):
    def __init__(self, events, seed):
        self.events, self.seed, self.epoch = events, seed, 0

    def __iter__(self):
        g = torch.Generator().manual_seed(self.seed + self.epoch)
        for _ in range(self.events):
            shown = torch.randint(0, 60, (5,), generator=g)
            chance = torch.sigmoid(2.0 * taste[shown].sum() / 5 ** 0.5)
            yield shown, torch.bernoulli(chance, generator=g)


class ClickNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = nn.EmbeddingBag(60, 8, mode="sum")
        self.out = nn.Linear(8, 1)

    def forward(self, shown):
        return self.out(self.bag(shown)).flatten()


stream = Clicks(1010, seed=100)
train_loader = DataLoader(stream, batch_size=40)
val_loader = DataLoader(Clicks(200, seed=9000), batch_size=100)
model = ClickNet()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def train():
    for epoch in range(8):
        stream.epoch = epoch
        model.train()
        total = seen = 0
        for shown, clicked in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(shown), clicked)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(clicked)
            seen += len(clicked)
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(s), c).item() * len(c) for s, c in val_loader) / 200
        print(epoch, total / seen, val)
    return total / seen


if __name__ == "__main__":
    print(train())
