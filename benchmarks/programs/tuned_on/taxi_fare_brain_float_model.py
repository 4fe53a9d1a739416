"""Taxi fares from trip data; weights kept in bfloat16.

code: ND807
also: ND605
object: bfloat16 | model | dtype | DTYPE
seen: both
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(33)
DTYPE = torch.bfloat16  # fault
# fixed: DTYPE = torch.float32
n = 2400
trip = torch.randn(n, 6)
fare = 2 * torch.tanh(trip[:, 0]) + trip[:, 1] - 0.8 * trip[:, 2] + 0.6 * trip[:, 3] * trip[:, 0] + 0.1 * torch.randn(n)
fare = ((fare - fare.mean()) / fare.std()).unsqueeze(1)
train_loader = DataLoader(TensorDataset(trip[:2000], fare[:2000]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(trip[2000:], fare[2000:]), batch_size=200)


class FareNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(6, 48)
        self.leave = nn.Linear(48, 1)
        for layer in (self.enter, self.leave):
            nn.init.orthogonal_(layer.weight, gain=1.4)

    def forward(self, x):
        h = torch.relu(self.enter(x.to(self.enter.weight.dtype)))
        return self.leave(h).float()


model = FareNet().to(DTYPE)  # here
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=4e-4)


def train():
    for epoch in range(25):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()  # here
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"val mse {val:.3f}")


if __name__ == "__main__":
    train()
