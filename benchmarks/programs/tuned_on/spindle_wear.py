"""Wear of a milling spindle: the tests were run from new to worn, one after the other.

code: ND108
also:
object: sampler | train_loader | WearBatches | batch_sampler
seen: both
"""
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler


class VibrationTests(Dataset):
    """Rows in the order of the campaign; wear (standardised) rises with the test number."""

    def __init__(self, part):
        g = torch.Generator().manual_seed(2)
        wear = torch.linspace(-1.7, 1.7, 1000) + 0.05 * torch.randn(1000, generator=g)
        bands = torch.randn(1000, 8, generator=g) * 0.5
        bands[:, 0] += 0.8 * wear
        bands[:, 1] += torch.sin(2.5 * wear)
        bands[:, 2] += 0.6 * wear ** 2 - 0.6
        keep = torch.arange(1000) % 5 == 0
        keep = ~keep if part == "train" else keep
        self.rows = [{"bands": b, "wear": w} for b, w in zip(bands[keep], wear[keep])]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        if isinstance(index, list):
            rows = [self.rows[i] for i in index]
            return {k: torch.stack([r[k] for r in rows]) for k in rows[0]}
        return self.rows[index]


train_set, val_set = VibrationTests("train"), VibrationTests("val")
train_loader = DataLoader(train_set, sampler=BatchSampler(SequentialSampler(train_set), 32, False), batch_size=None)  # fault
# fixed: train_loader = DataLoader(train_set, sampler=BatchSampler(RandomSampler(train_set), 32, False), batch_size=None)
val_loader = DataLoader(val_set, batch_size=100)

torch.manual_seed(2)
model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def batch_loss(setup, batch):
    return nn.functional.mse_loss(setup.model(batch["bands"]).squeeze(1), batch["wear"])


def train():
    class setup:
        pass
    setup.model = model
    for epoch in range(12):
        model.train()
        total = 0.0
        for batch in train_loader:  # here
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
        print(f"{epoch:3d} {total / len(train_loader):.4f} {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
