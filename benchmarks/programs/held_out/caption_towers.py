"""Two towers match pictures and captions with a learned temperature; the other rows of the batch are the negatives.

code: none
trait: in-batch contrastive loss: every row's loss depends on the others, and its chance level is log(batch size)
"""
import math
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(370)
LATENT = 6
to_image, to_text = torch.randn(LATENT, 24), torch.randn(LATENT, 18)


def pairs(n):
    z = torch.randn(n, LATENT)
    return torch.tanh(z @ to_image) + 0.1 * torch.randn(n, 24), torch.tanh(z @ to_text) + 0.1 * torch.randn(n, 18)


class TwoTowers(nn.Module):
    def __init__(self, dim=16):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(24, 48), nn.GELU(), nn.Linear(48, dim))
        self.text = nn.Sequential(nn.Linear(18, 48), nn.GELU(), nn.Linear(48, dim))
        self.log_scale = nn.Parameter(torch.tensor(math.log(5.0)))

    def forward(self, image, text):
        a, b = F.normalize(self.image(image), dim=-1), F.normalize(self.text(text), dim=-1)
        return self.log_scale.exp().clamp(max=50) * a @ b.t()


def make_loader(n, **kw):
    rows = [{"image": i, "text": t} for i, t in zip(*pairs(n))]
    return torch.utils.data.DataLoader(rows, batch_size=32, drop_last=True, **kw)


train_loader, val_loader = make_loader(960, shuffle=True), make_loader(160)
model = TwoTowers()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)


def batch_loss(setup, batch):
    sim = setup.model(batch["image"], batch["text"])
    goal = torch.arange(len(sim))
    return 0.5 * (F.cross_entropy(sim, goal) + F.cross_entropy(sim.t(), goal))


def train():
    class Setup:
        pass
    s = Setup(); s.model = model
    for epoch in range(8):
        model.train()
        tail = []
        for batch in train_loader:
            loss = batch_loss(s, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            tail.append(loss.item())
        model.eval()
        with torch.no_grad():
            top1 = [(model(b["image"], b["text"]).argmax(1) == torch.arange(32)).float().mean().item() for b in val_loader]
        print(f"{epoch} loss {sum(tail) / len(tail):.3f} retrieval@1 {sum(top1) / len(top1):.3f}")
    return sum(tail) / len(tail)


if __name__ == "__main__":
    print(train())
