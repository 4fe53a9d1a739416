"""Self-supervised features of paint strokes: two views of each patch, SimSiam.

code: none
trait: the loss is negative, targets are detached on purpose, the output depends on no label, the predictor is thrown away afterwards
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1889)
SCHOOLS, SIDE = 5, 12


class Strokes(Dataset):
    """Patches with strokes in the direction and density of their school."""

    def __init__(self, n, two_views):
        self.y = torch.randint(SCHOOLS, (n,))
        yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
        angle = (self.y * torch.pi / SCHOOLS + 0.1 * torch.randn(n)).view(-1, 1, 1)
        phase = (6.283 * torch.rand(n)).view(-1, 1, 1)
        self.x = torch.sin(8 * (xx * torch.cos(angle) + yy * torch.sin(angle)) + phase).unsqueeze(1) * 1.2
        self.two_views = two_views

    def view_of(self, img):
        img = img * (0.7 + 0.6 * torch.rand(()))
        img = torch.roll(img, tuple(torch.randint(-2, 3, (2,)).tolist()), (1, 2))
        return img + 0.3 * torch.randn_like(img)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        if self.two_views:
            return self.view_of(self.x[i]), self.view_of(self.x[i])
        return self.x[i], self.y[i]


class SimSiam(nn.Module):
    def __init__(self, dim=32, pred=16):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2, bias=False), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(12, 24, 3, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.projector = nn.Sequential(nn.Linear(24, dim, bias=False), nn.BatchNorm1d(dim), nn.ReLU(),
                                       nn.Linear(dim, dim, bias=False), nn.BatchNorm1d(dim, affine=False))
        self.predictor = nn.Sequential(nn.Linear(dim, pred, bias=False), nn.BatchNorm1d(pred), nn.ReLU(), nn.Linear(pred, dim))

    def forward(self, x1, x2):
        z1, z2 = self.projector(self.encoder(x1)), self.projector(self.encoder(x2))
        return self.predictor(z1), self.predictor(z2), z1.detach(), z2.detach()


def neg_cosine(p1, p2, z1, z2):
    return -0.5 * (F.cosine_similarity(p1, z2, dim=1).mean() + F.cosine_similarity(p2, z1, dim=1).mean())


train_loader = DataLoader(Strokes(512, two_views=True), batch_size=64, shuffle=True, drop_last=True)
probe_loader = DataLoader(Strokes(200, two_views=False), batch_size=200)
model = SimSiam()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
EPOCHS = 12
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)


def batch_loss(setup, batch):
    return neg_cosine(*setup.model(*batch))


def neighbours_agree():
    """Share of patches whose nearest neighbour in feature space is of the same school."""
    model.eval()
    with torch.no_grad():
        x, y = next(iter(probe_loader))
        f = F.normalize(model.encoder(x), dim=1)
        sim = f @ f.t()
        sim.fill_diagonal_(-2)
    return (y[sim.argmax(1)] == y).float().mean().item()


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for v1, v2 in train_loader:
            loss = neg_cosine(*model(v1, v2))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        scheduler.step()
        if epoch % 4 == 3:
            print(f"epoch {epoch} loss {sum(losses) / len(losses):.3f} kNN {neighbours_agree():.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
