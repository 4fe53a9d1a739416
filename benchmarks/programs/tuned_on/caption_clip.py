"""Aligns pictures with captions, CLIP style, small towers.

code: none
trait: softmax runs over the batch, outputs for a pair depend on the other pairs only through the loss; targets are arange; loss floor above 0
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Clip(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.picture = nn.Sequential(nn.Linear(24, 32), nn.GELU(), nn.Linear(32, d, bias=False))
        self.words = nn.EmbeddingBag(40, d, mode="mean")
        self.logit_scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, picture, caption):
        p = F.normalize(self.picture(picture), dim=-1)
        c = F.normalize(self.words(caption), dim=-1)
        return p, c


def batch_loss(setup, batch):
    picture, caption = batch
    p, c = setup.model(picture, caption)
    sim = setup.model.logit_scale.exp() * p @ c.T
    idx = torch.arange(len(sim))
    return 0.5 * (F.cross_entropy(sim, idx) - sim.log_softmax(dim=0).diagonal().mean())


torch.manual_seed(83)
words = torch.randint(0, 40, (640, 5))
look = torch.randn(40, 24)
pictures = look[words].mean(1) * 5 ** 0.5 + 0.2 * torch.randn(640, 24)
train_loader = DataLoader(TensorDataset(pictures[:512], words[:512]), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(pictures[512:], words[512:]), batch_size=32)
model = Clip()
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-3)


class Holder:
    model = model


def train():
    for _ in range(8):
        model.train()
        s = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Holder, batch)
            loss.backward()
            optimizer.step()
            s.append(loss.item())
        model.eval()
        with torch.no_grad():
            [batch_loss(Holder, b) for b in val_loader]
    return sum(s) / len(s)


if __name__ == "__main__":
    print(train())
