"""Land cover per pixel from five bands: NLL on log-probability maps.

code: ND304
also: ND402
object: log_softmax | out | decode | LogSoftmax | logp
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Scenes(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        spectra = torch.randn(4, 5, generator=torch.Generator().manual_seed(3))
        coarse = torch.randint(0, 4, (n, 3, 3), generator=g)
        self.cover = coarse.repeat_interleave(4, 1).repeat_interleave(4, 2)
        self.img = spectra[self.cover].permute(0, 3, 1, 2) + 0.5 * torch.randn(n, 5, 12, 12, generator=g)

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i], self.cover[i]


class Cover(nn.Module):
    def __init__(self, classes=4):
        super().__init__()
        self.enc = nn.Sequential(nn.Conv2d(5, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 16, 3, padding=1), nn.ReLU())
        self.dec = nn.ConvTranspose2d(16, 12, 2, stride=2)
        self.out = nn.Conv2d(12 + 5, classes, 1)

    def forward(self, x):
        up = F.relu(self.dec(self.enc(x)))
        return self.decode(self.out(torch.cat([up, x], 1)))

    @staticmethod
    def decode(score):
        return F.log_softmax(score, dim=-1)  # fault
        # fixed: return F.log_softmax(score, dim=1)


torch.manual_seed(18)
model = Cover()
loss_fn = nn.NLLLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
train_loader = DataLoader(Scenes(160, 1), batch_size=16, shuffle=True)
val_loader = DataLoader(Scenes(40, 2), batch_size=40)


def train():
    for epoch in range(6):
        model.train()
        total = 0.0
        for img, cover in train_loader:
            optimizer.zero_grad()
            logp = model(img)
            loss = loss_fn(logp, cover)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            acc = [(model(i).argmax(1) == c).float().mean().item() for i, c in val_loader]
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
