"""A slide is a set of tiles of any number; a gated attention pool finds the tile that matters.

code: none
trait: blind to the order of its input, softmax over dimension 1 with -inf for missing tiles, weights near one-hot, outputs independent of most of the input
"""
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset


class Slides(Dataset):
    def __init__(self, n, seed):
        w = torch.Generator().manual_seed(3)
        marker, kinds = torch.randn(8, generator=w), torch.randn(3, 8, generator=w)
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(n):
            tiles = 0.8 * torch.randn(int(torch.randint(4, 15, (1,), generator=g)), 8, generator=g)
            y = int(torch.randint(0, 3, (1,), generator=g))
            k = int(torch.randint(0, len(tiles), (1,), generator=g))
            tiles[k] += 1.5 * marker + 1.5 * kinds[y]
            self.rows.append((tiles, y))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    tiles = pad_sequence([t for t, _ in rows], batch_first=True)
    there = pad_sequence([torch.ones(len(t), dtype=torch.bool) for t, _ in rows], batch_first=True)
    return {"tiles": tiles, "there": there, "y": torch.tensor([y for _, y in rows])}


class SlideNet(nn.Module):
    def __init__(self, d=8, h=24):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(d, h), nn.LeakyReLU())
        self.v, self.u, self.w = nn.Linear(h, h), nn.Linear(h, h), nn.Linear(h, 1, bias=False)
        self.rho = nn.Linear(h, 3)

    def forward(self, tiles, there):
        z = self.phi(tiles)
        s = self.w(torch.tanh(self.v(z)) * torch.sigmoid(self.u(z)))
        a = torch.softmax(s.masked_fill(~there[..., None], float("-inf")), dim=1)
        return self.rho((a * z).sum(1))


torch.manual_seed(33)
train_loader = DataLoader(Slides(700, 1), batch_size=28, shuffle=True, collate_fn=collate)
val_loader = DataLoader(Slides(140, 2), batch_size=70, collate_fn=collate)
model = SlideNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["tiles"], batch["there"]), batch["y"])


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b["tiles"], b["there"]), b["y"])
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = sum((model(b["tiles"], b["there"]).argmax(1) == b["y"]).sum().item() for b in val_loader) / 140
        print(epoch, round(total / len(train_loader), 3), round(acc, 3))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
