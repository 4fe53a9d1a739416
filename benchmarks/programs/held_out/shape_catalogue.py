"""Catalogue drawings: each split is a dataset object that draws its part of one permutation.

code: ND105
also:
object: val_loader | CatalogueSplit | index | seed
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(31)
TOTAL, CLASSES, DIM = 900, 5, 20
_prototypes = torch.randn(CLASSES, 4, 10)
ALL_KINDS = torch.randint(CLASSES, (TOTAL,))
ALL_STROKES = _prototypes[ALL_KINDS].repeat(1, 1, 2) + 2.2 * torch.randn(TOTAL, 4, DIM)
ALL_STROKES = (ALL_STROKES - ALL_STROKES.mean()) / ALL_STROKES.std()


class CatalogueSplit(Dataset):
    def __init__(self, split, seed=None, share=0.75):
        g = torch.Generator()
        g.manual_seed(seed)
        order = torch.randperm(TOTAL, generator=g)
        cut = int(share * TOTAL)
        self.index = order[:cut] if split == "train" else order[cut:]  # here

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        k = self.index[i]
        return ALL_STROKES[k], ALL_KINDS[k]


class StrokeAttention(nn.Module):
    """Four strokes attend to one another, the mean is classified."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(DIM, 32)
        self.attn = nn.MultiheadAttention(32, 4, batch_first=True)
        self.norm = nn.LayerNorm(32)
        self.head = nn.Linear(32, CLASSES)

    def forward(self, strokes):
        h = self.embed(strokes)
        h = self.norm(h + self.attn(h, h, h, need_weights=False)[0])
        return self.head(h.mean(1))


train_loader = DataLoader(CatalogueSplit("train", seed=1), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(CatalogueSplit("val", seed=2), batch_size=75)  # fault
# fixed: val_loader = DataLoader(CatalogueSplit("val", seed=1), batch_size=75)
model = StrokeAttention()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    model.train()
    for epoch in range(6):
        epoch_loss = 0.0
        for strokes, kinds in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(strokes), kinds)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        model.eval()
        with torch.no_grad():
            correct = sum((model(s).argmax(1) == k).sum().item() for s, k in val_loader)
        print(f"{epoch} val acc {correct / len(val_loader.dataset):.3f}")
        model.train()
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    train()
