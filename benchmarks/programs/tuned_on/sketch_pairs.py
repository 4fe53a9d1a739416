"""Sketch-based retrieval: a sketch should lie nearer to its photo than to any other photo.

code: ND405
also: ND104
object: Triplets | triplet_loss | loss_fn | TripletMarginLoss | batch_loss | negative | positive | train_loader
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
import torch.nn.functional as F


class Triplets(Dataset):
    """anchor sketch, photo of the same thing, photo of another thing"""

    def __init__(self, per_class, seed, classes=8):
        g = torch.Generator().manual_seed(seed)
        shape = torch.randn(classes, 1, 12, 12, generator=torch.Generator().manual_seed(77))
        shape = F.avg_pool2d(shape, 3, 1, 1) * 3
        self.photo = shape.repeat_interleave(per_class, 0) + .9 * torch.randn(classes * per_class, 1, 12, 12, generator=g)
        self.sketch = shape.repeat_interleave(per_class, 0).sign() + .9 * torch.randn(classes * per_class, 1, 12, 12, generator=g)
        self.label = torch.arange(classes).repeat_interleave(per_class)
        self.g = g

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        same = torch.where(self.label == self.label[i])[0]
        other = torch.where(self.label != self.label[i])[0]
        pick = lambda pool: self.photo[pool[torch.randint(len(pool), (1,), generator=self.g)].item()]
        return self.sketch[i], pick(other), pick(same)  # fault
        # fixed: return self.sketch[i], pick(same), pick(other)


class Embed(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.f = nn.Sequential(nn.Conv2d(1, 12, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(12, 24, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 9, d))

    def forward(self, x):
        return F.normalize(self.f(x), dim=-1)


torch.manual_seed(9)
train_loader = DataLoader(Triplets(24, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Triplets(8, 2), batch_size=32)
model = Embed()
loss_fn = nn.TripletMarginLoss(margin=.6)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    anchor, positive, negative = batch  # here
    return loss_fn(setup.model(anchor), setup.model(positive), setup.model(negative))  # here


def recall_at_1(data):
    model.eval()
    with torch.no_grad():
        near = torch.cdist(model(data.sketch), model(data.photo)).argmin(1)
    model.train()
    return (data.label[near] == data.label).float().mean().item()


def train():
    class setup: pass
    setup.model = model
    for epoch in range(8):
        total = 0.
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        train.recall = recall_at_1(val_loader.dataset)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train(), train.recall)
