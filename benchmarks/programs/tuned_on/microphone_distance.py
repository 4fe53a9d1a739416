"""How far is the speaker from the microphone? Regression with many micro-batches per step.

code: ND603
also: ND604 | ND405
object: backward | loss | MICRO | accumulation
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(12)
n = 1280
distance = torch.rand(n) * 4 + 0.5
room = torch.rand(n)
direct = 1 / distance
echo = 0.2 + 0.3 * room
lags = torch.arange(20).float()
response = direct[:, None] * torch.exp(-lags) + echo[:, None] * torch.exp(-lags / (2 + 6 * room[:, None]))
response = response + 0.01 * torch.randn(n, 20)
x = (response - response.mean(0)) / response.std(0)
y = ((distance - distance.mean()) / distance.std()).unsqueeze(1)

MICRO = 16
train_loader = DataLoader(TensorDataset(x[:1024], y[:1024]), batch_size=4, shuffle=True)
val_loader = DataLoader(TensorDataset(x[1024:], y[1024:]), batch_size=128)
model = nn.Sequential(nn.Linear(20, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.8)


def train():
    step = 0
    for epoch in range(10):
        model.train()
        for a, b in train_loader:
            loss = loss_fn(model(a), b)
            loss.backward()  # fault
            # fixed: (loss / MICRO).backward()
            step += 1
            if step % MICRO == 0:
                optimizer.step()  # here
                optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        val = sum(loss_fn(model(a), b).item() for a, b in val_loader) / len(val_loader)
    print(f"val mse {val:.3f}")


if __name__ == "__main__":
    train()
