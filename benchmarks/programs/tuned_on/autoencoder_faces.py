"""Convolutional autoencoder for 12x12 cartoon faces.

code: ND405
also: ND604
object: loss_fn | recon | MSELoss
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(24)


def faces(n):
    canvas = torch.zeros(n, 1, 12, 12)
    for k in range(n):
        dy, dx = torch.randint(-1, 2, (2,)).tolist()
        canvas[k, 0, 3 + dy, 3 + dx] = canvas[k, 0, 3 + dy, 8 + dx] = 1
        smile = torch.rand(1).item() < 0.5
        for j in range(3, 9):
            lift = (abs(j - 5.5) > 2) * (1 if smile else -1)
            canvas[k, 0, 8 + dy - int(lift), j + dx] = 1
    return (canvas + 0.05 * torch.randn_like(canvas) - 0.06) / 0.24


class AutoEncoder(nn.Module):
    def __init__(self, code=16):
        super().__init__()
        self.encode = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(288, code))
        self.decode = nn.Sequential(nn.Linear(code, 64), nn.ReLU(), nn.Linear(64, 144), nn.Unflatten(1, (1, 12, 12)))

    def forward(self, x):
        return self.decode(self.encode(x))


model = AutoEncoder()
recon = nn.MSELoss(reduction="sum")  # fault
# fixed: recon = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
same = lambda x: TensorDataset(x, x)
train_loader = DataLoader(same(faces(512)), batch_size=32, shuffle=True)
val_loader = DataLoader(same(faces(128)), batch_size=64)
loss_fn = recon  # here


def train():
    for epoch in range(15):
        model.train()
        for x, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), target)  # here
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, loss.item(), [loss_fn(model(x), t).item() for x, t in val_loader])
    return loss.item()


if __name__ == "__main__":
    print(train())
