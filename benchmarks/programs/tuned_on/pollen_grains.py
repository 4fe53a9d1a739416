"""Five kinds of pollen from shape descriptors; a sampler evens out the rare ones.

code: ND107
also:
object: sampler | weights | draw_weights | train_loader
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

SHARES = [0.52, 0.25, 0.13, 0.06, 0.04]


class Grains(Dataset):
    def __init__(self, n, seed):
        world = np.random.default_rng(100)
        centres = world.normal(0, 1, (5, 10))
        r = np.random.default_rng(seed)
        self.kind = r.choice(5, n, p=SHARES)
        self.shape = (centres[self.kind] + r.normal(0, 1.0, (n, 10))).astype(np.float32) / 1.4

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return torch.from_numpy(self.shape[i]), int(self.kind[i])


def draw_weights(kind):
    counts = np.bincount(kind, minlength=5)
    return torch.as_tensor(counts[kind], dtype=torch.double)  # fault
    # fixed: return torch.as_tensor(1.0 / counts[kind], dtype=torch.double)


train_set, val_set = Grains(1000, 1), Grains(400, 2)
sampler = WeightedRandomSampler(draw_weights(train_set.kind), len(train_set), generator=torch.Generator().manual_seed(3))  # here
train_loader = DataLoader(train_set, batch_size=40, sampler=sampler)  # here
val_loader = DataLoader(val_set, batch_size=100)

torch.manual_seed(3)


class MaxoutNet(nn.Module):
    def __init__(self, pieces=3, width=24):
        super().__init__()
        self.lift = nn.Linear(10, width * pieces)
        self.read = nn.Linear(width, 5)
        self.pieces = pieces

    def forward(self, x):
        return self.read(self.lift(x).unflatten(1, (-1, self.pieces)).amax(-1))


model = MaxoutNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def balanced_accuracy():
    model.eval()
    with torch.no_grad():
        pred = torch.cat([model(x).argmax(1) for x, _ in val_loader]).numpy()
    return np.mean([(pred[val_set.kind == k] == k).mean() for k in range(5)])


def train():
    for epoch in range(8):
        model.train()
        seen = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        balanced_accuracy()
    print("balanced accuracy", balanced_accuracy())
    return float(np.mean(seen))


if __name__ == "__main__":
    print(train())
