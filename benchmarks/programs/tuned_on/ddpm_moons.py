"""A small denoising diffusion model of the two moons: the net predicts the noise.

code: none
trait: loss floor well above 0, random targets drawn inside the step, outputs scored against noise and not data
"""
import torch
from torch import nn
from sklearn.datasets import make_moons
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
pts = torch.tensor(make_moons(2000, noise=0.05, random_state=4)[0], dtype=torch.float32)
pts = (pts - pts[:1600].mean(0)) / pts[:1600].std(0)
train_loader = DataLoader(TensorDataset(pts[:1600]), batch_size=100, shuffle=True)
val_loader = DataLoader(TensorDataset(pts[1600:]), batch_size=400)

STEPS = 50
alpha_bar = torch.cumprod(1 - torch.linspace(1e-3, 0.12, STEPS), 0)


class Denoiser(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.time = nn.Embedding(STEPS, width)
        self.inp = nn.Linear(2, width)
        self.mid = nn.Sequential(nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.out = nn.Linear(width, 2)

    def forward(self, x, t):
        return self.out(self.mid(self.inp(x) + self.time(t)))


model = Denoiser()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    (x0,) = batch
    t = torch.randint(0, STEPS, (len(x0),))
    eps = torch.randn_like(x0)
    ab = alpha_bar[t, None]
    return loss_fn(setup.model(ab.sqrt() * x0 + (1 - ab).sqrt() * eps, t), eps)


class Setup:
    model = model


def train():
    for epoch in range(20):
        model.train()
        total = 0.0
        for batch in train_loader:
            loss = batch_loss(Setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() / len(train_loader)
        if epoch % 5 == 4:
            model.eval()
            with torch.no_grad():
                print(epoch + 1, round(total, 4), sum(batch_loss(Setup, b).item() for b in val_loader))
    return total


if __name__ == "__main__":
    print(train())
