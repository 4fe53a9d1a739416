"""Six engine types from short noise spectra, streamed from one big file per type.

code: ND108
also:
object: EngineStream | BUFFER | buffer_size | stream | train_loader | shuffle_buffer
seen: both
"""
import random

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, IterableDataset

random.seed(137)
torch.manual_seed(137)
BANDS, ENGINES = 24, 6
profile = torch.randn(ENGINES, 3) @ torch.randn(3, BANDS)
BUFFER = 16  # fault
# fixed: BUFFER = 3000


def big_file(engine, count):
    return [((profile[engine] + torch.randn(BANDS)) / 2, engine) for _ in range(count)]


def shuffle_buffer(stream, buffer_size):
    held = []
    for item in stream:
        held.append(item)
        if len(held) >= buffer_size:  # here
            yield held.pop(random.randrange(len(held)))
    random.shuffle(held)
    yield from held


class EngineStream(IterableDataset):
    def __init__(self, count, buffer_size):
        self.files = [big_file(e, count) for e in range(ENGINES)]
        self.buffer_size = buffer_size

    def __iter__(self):
        one_after_the_other = (item for file in self.files for item in file)
        return shuffle_buffer(one_after_the_other, self.buffer_size)


train_loader = DataLoader(EngineStream(400, BUFFER), batch_size=30)
val_loader = DataLoader(EngineStream(60, 1), batch_size=360)
model = nn.Sequential(nn.Linear(BANDS, 32), nn.ReLU(), nn.Linear(32, ENGINES))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(6):
        model.train()
        for spectrum, engine in train_loader:
            optimizer.zero_grad()
            loss_fn(model(spectrum), engine).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        right = seen = 0
        for spectrum, engine in val_loader:
            right += (model(spectrum).argmax(1) == engine).sum().item()
            seen += len(engine)
    print("val accuracy", right / seen)


if __name__ == "__main__":
    train()
