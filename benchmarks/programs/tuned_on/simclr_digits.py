"""Self-supervised digits: SimCLR views (shift and noise), NT-Xent, then nothing but the embedding is kept.

code: none
trait: contrastive loss over the batch, loss floor far above 0, no labels, a projection head dropped later
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch.utils.data import Dataset, DataLoader

torch.manual_seed(88)
images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1)
images = images[torch.randperm(len(images))]
images = (images - images[:1200].mean()) / images[:1200].std()


class TwoViews(Dataset):
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def view(self, img):
        dy, dx = torch.randint(0, 3, (2,)).tolist()
        img = F.pad(img, (1, 1, 1, 1), value=img.min().item())[:, dy:dy + 8, dx:dx + 8]
        return img + 0.2 * torch.randn_like(img)

    def __getitem__(self, i):
        return self.view(self.x[i]), self.view(self.x[i])


class SimCLR(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                     nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 64))
        self.projector = nn.Sequential(nn.ReLU(), nn.Linear(64, dim))

    def forward(self, x):
        return F.normalize(self.projector(self.encoder(x)), dim=1)


def nt_xent(za, zb, tau=0.3):
    z = torch.cat([za, zb])
    sim = (z @ z.T / tau).masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    n = len(za)
    return F.cross_entropy(sim, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


train_loader = DataLoader(TwoViews(images[:1200]), batch_size=60, shuffle=True, drop_last=True)
val_loader = DataLoader(TwoViews(images[1200:]), batch_size=60, drop_last=True)
model = SimCLR()
loss_fn = None
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    a, b = batch
    return nt_xent(setup.model(a), setup.model(b))


def train():
    for epoch in range(4):
        model.train()
        losses = []
        for a, b in train_loader:
            loss = nt_xent(model(a), model(b))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [nt_xent(model(a), model(b)).item() for a, b in val_loader]
        print(f"{epoch}: {sum(losses) / len(losses):.4f} {sum(val) / len(val):.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
