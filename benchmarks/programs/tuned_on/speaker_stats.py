"""Who speaks? Statistics pooling (mean and deviation over voiced frames), x-vector style.

code: ND308
also: ND310
object: pool | StatsPool | std | spread
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Utterances(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        voice = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
        self.who = torch.randint(0, 5, (n,), generator=g)
        self.frames, self.voiced = [], []
        for i, w in enumerate(self.who):
            length = 1 if i % 40 == 7 else int(torch.randint(5, 13, (1,), generator=g))
            self.frames.append(voice[w] + 0.8 * torch.randn(12, 8, generator=g))
            self.voiced.append(torch.arange(12) < length)

    def __len__(self):
        return len(self.who)

    def __getitem__(self, i):
        return self.frames[i], self.voiced[i], self.who[i]


class StatsPool(nn.Module):
    def forward(self, h, voiced):
        rows = []
        for one, keep in zip(h, voiced):
            one = one[keep]
            spread = one.std(dim=0)  # fault
            # fixed: spread = (one.var(dim=0, correction=0) + 1e-5).sqrt()
            rows.append(torch.cat([one.mean(dim=0), spread]))
        return torch.stack(rows)


class Speaker(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.frame = nn.Sequential(nn.Linear(8, width), nn.LeakyReLU(0.1))
        self.pool = StatsPool()  # here
        self.who = nn.Linear(2 * width, 5)

    def forward(self, frames, voiced):
        return self.who(self.pool(self.frame(frames), voiced))  # here


torch.manual_seed(24)
model = Speaker()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
train_loader = DataLoader(Utterances(240, 0), batch_size=24, shuffle=True)
val_loader = DataLoader(Utterances(60, 5), batch_size=30)


def batch_loss(setup, batch):
    frames, voiced, who = batch
    return loss_fn(setup.model(frames, voiced), who)


def train():
    for _ in range(6):
        model.train()
        ls = []
        for frames, voiced, who in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(frames, voiced), who)
            loss.backward()
            optimizer.step()
            ls.append(loss.item())
        model.eval()
        with torch.no_grad():
            [loss_fn(model(f, v), w) for f, v, w in val_loader]
    return sum(ls) / len(ls)


if __name__ == "__main__":
    print(train())
