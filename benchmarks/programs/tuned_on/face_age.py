"""Age from tiny face-like pictures: wrinkle frequency and contrast; log-cosh loss, CNN.

code: ND403
also:
object: log_cosh | loss_fn | residual | head
seen: checkup
"""
import math
import torch
import torch.nn as nn

torch.manual_seed(160)
S = 12


def faces(n):
    age = torch.rand(n)
    yy, xx = torch.meshgrid(torch.arange(S) / S, torch.arange(S) / S, indexing="ij")
    tilt = torch.rand(n, 1, 1) * 0.6 - 0.3
    wrinkles = torch.sin(2 * math.pi * 3 * (yy + tilt * xx) + 6.28 * torch.rand(n, 1, 1)) * age[:, None, None]
    oval = ((xx - 0.5) ** 2 + (yy - 0.5) ** 2 < 0.2).float()
    image = oval + wrinkles + 0.2 * torch.randn(n, S, S)
    return ((image - 0.63) / 0.66)[:, None], (age - 0.5) / 0.29


def log_cosh(pred, target):
    residual = pred - target  # fault
    # fixed: residual = pred.squeeze(1) - target
    return (residual + nn.functional.softplus(-2 * residual) - math.log(2)).mean()


class AgeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
                                  nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(96, 1)

    def forward(self, image):
        return self.head(self.conv(image))  # here


images, ages = faces(720)
pack = torch.utils.data.TensorDataset(images, ages)
train_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(pack, range(600)), batch_size=30, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.Subset(pack, range(600, 720)), batch_size=60)
model = AgeNet()
loss_fn = log_cosh  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def mean_absolute_error():
    model.eval()
    return torch.cat([(model(i).flatten() - a).abs() for i, a in val_loader]).mean().item()


def train():
    for epoch in range(8):
        model.train()
        running = 0.0
        for image, age in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(image), age)  # here
            loss.backward()
            optimizer.step()
            running += loss.item()
        print(epoch, running / len(train_loader), mean_absolute_error())
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
