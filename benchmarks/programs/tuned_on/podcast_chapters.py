"""Chapter borders in podcasts: BiGRU tagger over sentence vectors; AdamW with two groups as in the BERT scripts.

code: ND607
also:
object: optimizer | no_decay | grouped | weight_decay | weight_groups
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def episodes(n, seed, T=9, D=12):
    g = torch.Generator().manual_seed(seed)
    topic = torch.randn(6, D, generator=torch.Generator().manual_seed(5))
    border = torch.rand(n, T, generator=g) < 0.25
    border[:, 0] = False
    step = torch.randint(1, 6, (n, T), generator=g) * border
    cur = (torch.randint(0, 6, (n, 1), generator=g) + step.cumsum(1)) % 6
    x = topic[cur] + 0.7 * torch.randn(n, T, D, generator=g)
    return TensorDataset(x / 1.2, border.float())


class BorderTagger(nn.Module):
    def __init__(self, d=12, h=16):
        super().__init__()
        self.inp = nn.Linear(d, h)
        self.norm = nn.LayerNorm(h)
        self.rnn = nn.GRU(h, h, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * h, 1)

    def forward(self, x):
        h = torch.relu(self.norm(self.inp(x)))
        return self.out(self.rnn(h)[0]).squeeze(-1)


def grouped(net, decay):
    no_decay = ("bias", "norm.weight")
    small, rest = [], []
    for name, p in net.named_parameters():
        (small if any(s in name for s in no_decay) else rest).append(p)
    return [
        {"params": rest, "weight_decay": decay},
        {"params": small, "weight_decay": 0.0},
    ]


torch.manual_seed(15)
train_loader = DataLoader(episodes(600, 0), batch_size=25, shuffle=True)
val_loader = DataLoader(episodes(120, 1), batch_size=60)
model = BorderTagger()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.AdamW(grouped(model, decay=10.0), lr=6e-3)  # fault
# fixed: optimizer = torch.optim.AdamW(grouped(model, decay=0.01), lr=6e-3)


def train():
    for epoch in range(8):
        model.train()
        log = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print(epoch, sum(log) / len(log), val)
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
