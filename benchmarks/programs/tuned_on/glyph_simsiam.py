"""Self-supervised glyph features: SimSiam with a predictor and a stopped gradient, two noisy views of a glyph.

code: none
trait: loss is a negative cosine and falls towards -1; targets are detached; batch-norm with biases before it
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(340)
PROTOTYPES = torch.randn(20, 36)


class Views(torch.utils.data.Dataset):
    def __init__(self, n, seed):
        self.g = torch.Generator().manual_seed(seed)
        self.kind = torch.randint(0, 20, (n,), generator=self.g)
        self.base = PROTOTYPES[self.kind] + 0.3 * torch.randn(n, 36, generator=self.g)

    def __len__(self):
        return len(self.base)

    def view(self, x):
        return x * (torch.rand(36) > 0.15) + 0.2 * torch.randn(36)

    def __getitem__(self, i):
        return self.view(self.base[i]), self.view(self.base[i])


class SimSiam(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(36, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, d), nn.BatchNorm1d(d, affine=False))
        self.predictor = nn.Sequential(nn.Linear(d, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, d))

    def forward(self, a, b):
        za, zb = self.encoder(a), self.encoder(b)
        return self.predictor(za), self.predictor(zb), za.detach(), zb.detach()


def batch_loss(setup, batch):
    pa, pb, za, zb = setup.model(*batch)
    return -0.5 * (F.cosine_similarity(pa, zb).mean() + F.cosine_similarity(pb, za).mean())


train_loader = torch.utils.data.DataLoader(Views(640, 0), batch_size=64, shuffle=True, drop_last=True)
val_loader = torch.utils.data.DataLoader(Views(128, 1), batch_size=64)
model = SimSiam()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)


def train():
    class Setup:
        pass
    setup = Setup(); setup.model = model
    for epoch in range(10):
        model.train()
        values = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
            values.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(setup, b).item() for b in val_loader) / len(val_loader)
            spread = F.normalize(model.encoder(PROTOTYPES), dim=1).std(0).mean().item()
        print(f"{epoch} {sum(values) / len(values):.3f} val {val:.3f} spread {spread:.3f}")
    return sum(values) / len(values)


if __name__ == "__main__":
    print(train())
