"""Leaf shapes with a small vision transformer written by hand; decay is kept off norms and biases.

code: ND607
also:
object: optimizer | decay | no_decay | groups | norm | split_parameters
seen: both
"""
import math
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attn = nn.MultiheadAttention(d, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x):
        h = self.norm1(x)
        x = x + self.attn(h, h, h, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class LeafViT(nn.Module):
    def __init__(self, d=32, depth=2, classes=4):
        super().__init__()
        self.patch = nn.Conv2d(1, d, 4, stride=4)
        self.cls = nn.Parameter(torch.randn(1, 1, d) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, 17, d) * 0.02)
        self.blocks = nn.Sequential(*[Block(d, 4) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(d), nn.Linear(d, classes)

    def forward(self, img):
        t = self.patch(img).flatten(2).transpose(1, 2)
        t = torch.cat([self.cls.expand(len(t), -1, -1), t], 1) + self.pos
        return self.head(self.norm(self.blocks(t))[:, 0])


def leaves(n, g):
    lobes = torch.randint(0, 4, (n,), generator=g)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 16), indexing="ij")
    angle, radius = torch.atan2(yy, xx), (xx ** 2 + yy ** 2).sqrt()
    turn = torch.rand(n, 1, 1, generator=g) * 0.6
    edge = 0.6 + 0.3 * torch.cos((lobes + 1)[:, None, None] * (angle - turn))
    img = torch.sigmoid((edge - radius) * 10) + 0.2 * torch.randn(n, 16, 16, generator=g)
    return TensorDataset(((img - 0.3) / 0.45).unsqueeze(1), lobes)


def split_parameters(net, weight_decay):
    decay, no_decay = [], []
    for name, p in net.named_parameters():
        small = p.ndim <= 1 or name in ("cls", "pos")
        (decay if small else no_decay).append(p)  # fault
        # fixed: (no_decay if small else decay).append(p)
    return [{"params": decay, "weight_decay": weight_decay}, {"params": no_decay, "weight_decay": 0.0}]


g = torch.Generator().manual_seed(1)
torch.manual_seed(1)
train_loader = DataLoader(leaves(480, g), batch_size=32, shuffle=True)
val_loader = DataLoader(leaves(160, g), batch_size=80)
model = LeafViT()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(split_parameters(model, 0.3), lr=1.5e-3)  # here


def train():
    for epoch in range(8):
        model.train()
        history = []
        for img, lobes in train_loader:
            loss = loss_fn(model(img), lobes)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum((model(i).argmax(1) == l).sum().item() for i, l in val_loader) / 160
        print(epoch, round(sum(history) / len(history), 4), acc)
    return sum(history) / len(history)


if __name__ == "__main__":
    train()
