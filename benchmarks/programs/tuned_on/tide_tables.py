"""Water level from harmonic features of the hour; learning rate written for another batch size (rescaled by a helper).

code: ND604
also:
object: scaled_lr | optimizer | lr
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(92)
hour = torch.rand(640, 1) * 700
period = torch.tensor([12.42, 12., 25.82, 23.93, 327.9])
angle = 6.2832 * hour / period
features = torch.cat([angle.sin(), angle.cos()], 1) * 2 ** .5
level = torch.tanh(features[:, 0] + .5 * features[:, 6]) + .3 * features[:, 2] * features[:, 9]
level = ((level + .03 * torch.randn(640)) / .8)[:, None]
BATCH, REFERENCE = 16, 256


def scaled_lr(base, batch):
    """linear scaling rule: the rate is proportional to the batch"""
    return base * REFERENCE / batch  # fault
    # fixed: return base * batch / REFERENCE


train_loader = DataLoader(TensorDataset(features[:512], level[:512]), batch_size=BATCH, shuffle=True)
val_loader = DataLoader(TensorDataset(features[512:], level[512:]), batch_size=64)
model = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=scaled_lr(.02, BATCH))  # here


def train():
    for epoch in range(10):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()  # here
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), y).item() for x, y in val_loader) / 2
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
