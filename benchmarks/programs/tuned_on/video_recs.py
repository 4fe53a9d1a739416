"""Two-tower video recommender with in-batch negatives.

code: none
trait: contrastive loss over the batch, sparse embedding gradients under SparseAdam, two optimizers, a learnt temperature, most embedding rows without a gradient in a batch
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

USERS, VIDEOS, TOPICS = 120, 120, 6


class Views(Dataset):
    """Users watch videos of their own topic, nine times out of ten."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.user = torch.randint(USERS, (n,), generator=g)
        own = self.user % TOPICS + TOPICS * torch.randint(VIDEOS // TOPICS, (n,), generator=g)
        other = torch.randint(VIDEOS, (n,), generator=g)
        self.video = torch.where(torch.rand(n, generator=g) < 0.9, own, other)

    def __len__(self):
        return len(self.user)

    def __getitem__(self, i):
        return {"user": self.user[i], "video": self.video[i]}


class TwoTower(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.user_table = nn.Embedding(USERS, dim, sparse=True)
        self.video_table = nn.Embedding(VIDEOS, dim, sparse=True)
        self.user_mlp = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, dim))
        self.video_mlp = nn.Sequential(nn.Linear(dim, 32), nn.ReLU(), nn.Linear(32, dim))
        self.log_temperature = nn.Parameter(torch.tensor(1.5))

    def forward(self, user, video):
        u = F.normalize(self.user_mlp(self.user_table(user)), dim=-1)
        v = F.normalize(self.video_mlp(self.video_table(video)), dim=-1)
        return u @ v.t() * self.log_temperature.exp()


def batch_loss(setup, batch):
    scores = setup.model(batch["user"], batch["video"])
    same = batch["video"][:, None] == batch["video"][None]
    same.fill_diagonal_(False)
    return F.cross_entropy(scores.masked_fill(same, float("-inf")), torch.arange(len(scores)))


class Setup:
    pass


torch.manual_seed(15)
train_loader = DataLoader(Views(3200, seed=1), batch_size=64, shuffle=True)
val_loader = DataLoader(Views(320, seed=2), batch_size=64)
model = TwoTower()
loss_fn = None
tables = [model.user_table.weight, model.video_table.weight]
dense = [p for name, p in model.named_parameters() if "table" not in name]
optimizer = (torch.optim.SparseAdam(tables, lr=2e-2), torch.optim.Adam(dense, lr=3e-3))


def train(epochs=6):
    here = Setup()
    here.model = model
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for batch in train_loader:
            for o in optimizer:
                o.zero_grad()
            loss = batch_loss(here, batch)
            loss.backward()
            for o in optimizer:
                o.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(here, b).item() for b in val_loader) / len(val_loader)
        print(f"epoch {epoch}: in-batch softmax {total / len(train_loader):.4f}, val {val:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
