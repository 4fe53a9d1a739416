"""Will a video go viral? Attention pooling over its comments; young videos may have none.

code: ND309
also: ND308
object: softmax | masked_fill | CommentPool | pool | scores
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(35)
MOST, DIM = 6, 8


class Videos(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.comments = torch.randn(n, MOST, DIM, generator=g)
        count = torch.randint(0, MOST + 1, (n,), generator=g)
        self.present = torch.arange(MOST)[None] < count[:, None]
        self.meta = torch.randn(n, 4, generator=g)
        best = self.comments[..., 0].masked_fill(~self.present, -1.0).amax(1)
        self.viral = ((best + self.meta[:, 0]) > 0.4).long()

    def __len__(self):
        return len(self.viral)

    def __getitem__(self, i):
        return {"comments": self.comments[i], "present": self.present[i], "meta": self.meta[i], "label": self.viral[i]}


class CommentPool(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.value = nn.Sequential(nn.Linear(dim, 24), nn.ReLU())
        self.score = nn.Linear(24, 1, bias=False)

    def forward(self, comments, present):
        v = self.value(comments)
        scores = self.score(v).squeeze(-1).masked_fill(~present, float("-inf"))  # here
        weights = torch.softmax(scores, dim=1)  # fault
        # fixed: weights = torch.softmax(scores.masked_fill(~present, -1e9), dim=1) * present
        return (weights.unsqueeze(-1) * v).sum(1)


class Viral(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = CommentPool(DIM)  # here
        self.head = nn.Sequential(nn.Linear(24 + 4, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, comments, present, meta):
        return self.head(torch.cat([self.pool(comments, present), meta], 1))  # here


train_loader = DataLoader(Videos(900, 0), batch_size=45, shuffle=True)
val_loader = DataLoader(Videos(200, 1), batch_size=100)
model = Viral()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["comments"], batch["present"], batch["meta"]), batch["label"])


def train():
    from argparse import Namespace
    this = Namespace(model=model)
    for epoch in range(10):
        model.train()
        total = 0.0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(this, batch)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(this, b).item() for b in val_loader) / len(val_loader)
        print(epoch, round(total / len(train_loader), 4), round(val, 4))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
