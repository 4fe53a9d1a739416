"""Camera-trap crops of five species; a sampler is meant to even out what the cameras saw.

code: ND107
also:
object: sampler | EvenSampler | train_loader | draw
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

SPECIES = {"deer": 620, "boar": 240, "fox": 110, "lynx": 45, "wolf": 25}


class Crops(Dataset):
    """Small RGB crops; every species has its own stripe direction and tint."""

    def __init__(self, counts, seed):
        gen = torch.Generator().manual_seed(seed)
        self.images, self.species = [], []
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, 20), torch.linspace(-1, 1, 20), indexing="ij")
        for k, n in enumerate(counts):
            for _ in range(n):
                phase = torch.rand(1, generator=gen) * 6.28
                angle = torch.tensor(0.6 * k)
                wave = torch.sin(7 * (xx * angle.cos() + yy * angle.sin()) + phase)
                tint = torch.tensor([0.2 * k - 0.4, 0.1, 0.3 - 0.15 * k])[:, None, None]
                self.images.append(0.7 * wave[None] + tint + 0.5 * torch.randn(3, 20, 20, generator=gen))
                self.species.append(k)
        self.species = torch.tensor(self.species)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        return {"image": self.images[i], "species": self.species[i]}


class EvenSampler(Sampler):
    def __init__(self, species, length=None):
        self.length = length or len(species)
        seen = torch.bincount(species).float()
        self.draw = seen[species] / seen.sum()  # fault
        # fixed: self.draw = seen.sum() / seen[species]

    def __len__(self):
        return self.length

    def __iter__(self):
        return iter(torch.multinomial(self.draw, self.length, replacement=True).tolist())


train_set = Crops(SPECIES.values(), seed=0)
val_set = Crops([n // 5 for n in SPECIES.values()], seed=1)
sampler = EvenSampler(train_set.species)  # here
train_loader = DataLoader(train_set, batch_size=40, sampler=sampler)  # here
val_loader = DataLoader(val_set, batch_size=100)

torch.manual_seed(2)
model = nn.Sequential()
model.add_module("stem", nn.Conv2d(3, 8, 3, padding=1))
model.add_module("act1", nn.GELU())
model.add_module("pool", nn.MaxPool2d(2))
model.add_module("mix", nn.Conv2d(8, 16, 3, padding=1))
model.add_module("act2", nn.GELU())
model.add_module("gap", nn.AdaptiveAvgPool2d(1))
model.add_module("flat", nn.Flatten())
model.add_module("cls", nn.Linear(16, len(SPECIES)))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["image"]), batch["species"])


def per_species():
    model.eval()
    hit, n = torch.zeros(5), torch.zeros(5)
    with torch.no_grad():
        for b in val_loader:
            p = model(b["image"]).argmax(1)
            for k in range(5):
                hit[k] += ((p == k) & (b["species"] == k)).sum()
                n[k] += (b["species"] == k).sum()
    model.train()
    return {s: round((h / m).item(), 2) for s, h, m in zip(SPECIES, hit, n)}


def train():
    for epoch in range(5):
        mean = 0.0
        for batch in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(batch["image"]), batch["species"])
            loss.backward()
            optimizer.step()
            mean += loss.item() / len(train_loader)
    print(per_species())
    return mean


if __name__ == "__main__":
    print(train())
