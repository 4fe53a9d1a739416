"""Intent of an SQL question; token embeddings with learned positions and one attention layer. AdamW with decay groups.

code: ND601
also:
object: positions | position | decay_groups | optimizer | cls
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Questions(Dataset):
    """The intent is set by which of two key words comes first."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(10, 60, (n, 14), generator=g)
        self.y = torch.randint(0, 4, (n,), generator=g)
        for i in range(n):
            a, b = sorted(torch.randperm(14, generator=g)[:2].tolist())
            self.ids[i, a], self.ids[i, b] = [(1, 2), (2, 1), (1, 3), (3, 1)][self.y[i]]

    def __len__(self): return len(self.y)

    def __getitem__(self, i): return self.ids[i], self.y[i]


class IntentNet(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.tokens = nn.Embedding(60, d)
        self.cls = nn.Parameter(torch.randn(1, 1, d) * .02)
        self.positions = nn.Parameter(torch.randn(1, 15, d) * .1)  # here
        self.layer = nn.TransformerEncoderLayer(d, 4, 64, dropout=0., batch_first=True, norm_first=True)
        self.layer2 = nn.TransformerEncoderLayer(d, 4, 64, dropout=0., batch_first=True, norm_first=True)
        self.norm = nn.LayerNorm(d)
        self.out = nn.Linear(d, 4)

    def forward(self, ids):
        h = torch.cat([self.cls.expand(len(ids), -1, -1), self.tokens(ids)], 1) + self.positions
        return self.out(self.norm(self.layer2(self.layer(h))[:, 0]))


def decay_groups(net, wd):
    decay, plain = [], []
    for name, p in net.named_parameters():
        if name.endswith("bias") or "norm" in name:
            plain.append(p)
        elif name.endswith("weight"):  # fault
        # fixed: elif p.dim() == 3: plain.append(p)
        # fixed: else:
            decay.append(p)
    return [{"params": decay, "weight_decay": wd}, {"params": plain, "weight_decay": 0.}]


torch.manual_seed(28)
train_loader = DataLoader(Questions(512, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(Questions(128, 2), batch_size=64)
model = IntentNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(decay_groups(model, .01), lr=3e-3)  # here


def train():
    for epoch in range(9):
        model.train()
        losses = []
        for ids, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(i).argmax(1) == y).float() for i, y in val_loader]).mean().item()
    train.acc = acc
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
