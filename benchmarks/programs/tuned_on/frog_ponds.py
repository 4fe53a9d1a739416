"""Which frog calls in a pond: spectrogram CNN ported from a Keras notebook.

code: ND306
also:
object: features.1 | features.5 | bn | BatchNorm2d | features | BN_MOMENTUM
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

BN_MOMENTUM = 0.0005  # fault
# fixed: BN_MOMENTUM = 0.1


def conv_bn(c_in, c_out):
    return [nn.Conv2d(c_in, c_out, 3, padding=1, bias=False), nn.BatchNorm2d(c_out, momentum=BN_MOMENTUM), nn.ReLU(), nn.MaxPool2d(2)]  # here


class Calls(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.y = torch.randint(0, 4, (n,), generator=g)
        t = torch.arange(16.0)
        pitch = 3 + 3 * self.y.float() + torch.rand(n, generator=g)
        rhythm = torch.rand(n, 1, generator=g) * 6.28
        env = (0.8 * t + rhythm).sin().clamp(min=0)
        f = torch.exp(-((t[None] - pitch[:, None]) / 1.2) ** 2)
        spec = f[:, :, None] * env[:, None, :] + 0.2 * torch.rand(n, 16, 16, generator=g)
        self.x = ((spec - 0.2) / 0.25)[:, None]

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class FrogNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(*conv_bn(1, 8), *conv_bn(8, 16))  # here
        self.head = nn.Linear(16 * 16, 4)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


torch.manual_seed(123)
train_loader = DataLoader(Calls(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(Calls(120, 1), batch_size=60)
model = FrogNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / len(val_loader)
        print("epoch", epoch, "loss", sum(losses) / len(losses), "val", val)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
