"""Gas demand of the next day from two weeks of demand and temperature, GRU.

code: ND606
also: ND605
object: scheduler | StepLR | scheduler.step
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(13)
T = 1400
temp = torch.zeros(T)
for i in range(1, T):
    temp[i] = 0.85 * temp[i - 1] + 0.5 * torch.randn(())
week = 0.4 * ((torch.arange(T) % 7) < 5).float()
demand = -0.7 * temp - 0.3 * torch.relu(-temp).pow(1.5) + week + 0.1 * torch.randn(T)
data = torch.stack([demand, temp, week], 1)
data = (data - data[:1000].mean(0)) / data[:1000].std(0)

X = data.unfold(0, 14, 1)[:-1].transpose(1, 2).contiguous()
y = data[14:, :1]
train_loader = DataLoader(TensorDataset(X[:986], y[:986]), batch_size=34, shuffle=True)
val_loader = DataLoader(TensorDataset(X[1000:], y[1000:]), batch_size=128)


class DemandGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(3, 24, batch_first=True)
        self.fc = nn.Linear(24, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[1][-1])


model = DemandGRU()
loss_fn = nn.L1Loss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)  # here


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        total = 0.0
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            scheduler.step()  # fault
            # fixed:
            total += loss.item()
        model.eval()  # fault
        # fixed: scheduler.step()
        # fixed: model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(x), t).item() for x, t in val_loader) / len(val_loader)
        print(f"{epoch + 1}: {total / len(train_loader):.4f} {val:.4f} lr {scheduler.get_last_lr()[0]:.2e}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
