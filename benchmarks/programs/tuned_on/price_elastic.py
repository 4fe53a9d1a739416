"""Weekly units sold of a shop's articles from advertising spend, stock value and price.

code: ND114
also: ND102
object: ad_spend | stock_value | X_train | columns
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
np.random.seed(42)

n = 1400
ad_spend = np.random.lognormal(mean=5.0, sigma=2.2, size=n)  # here
stock_value = np.random.lognormal(mean=8.0, sigma=1.9, size=n)
price = np.random.normal(10, 2, size=n)
season = np.random.uniform(-1, 1, size=n)

units = (0.45 * np.log(ad_spend) + 0.30 * np.log(stock_value) - 0.25 * price + 0.5 * np.sin(3 * season)
         + 0.15 * np.random.randn(n))

columns = np.column_stack([ad_spend, stock_value, price, season])  # fault
# fixed: columns = np.column_stack([np.log(ad_spend), np.log(stock_value), price, season])

split = int(0.8 * n)
mu, sd = columns[:split].mean(axis=0), columns[:split].std(axis=0)
X_train = torch.as_tensor((columns[:split] - mu) / sd, dtype=torch.float32)  # here
X_val = torch.as_tensor((columns[split:] - mu) / sd, dtype=torch.float32)
t_mu, t_sd = units[:split].mean(), units[:split].std()
y_train = torch.as_tensor((units[:split] - t_mu) / t_sd, dtype=torch.float32)[:, None]
y_val = torch.as_tensor((units[split:] - t_mu) / t_sd, dtype=torch.float32)[:, None]

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=280)


class Demand(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 40)
        self.fc2 = nn.Linear(40, 40)
        self.fc3 = nn.Linear(40, 1)
        self.act = nn.GELU()

    def forward(self, x):
        x = self.act(self.fc1(x))
        x = self.act(self.fc2(x))
        return self.fc3(x)


model = Demand()
loss_fn = nn.HuberLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10, eta_min=2e-4)


def train():
    history = []
    for epoch in range(10):
        model.train()
        epoch_loss = 0.0
        for xb, yb in train_loader:
            pred = model(xb)
            loss = loss_fn(pred, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() / len(train_loader)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            residual = torch.cat([model(xb) - yb for xb, yb in val_loader])
        r2 = 1 - residual.pow(2).mean() / y_val.var()
        history.append(epoch_loss)
        print(f"epoch {epoch:02d}  huber {epoch_loss:.4f}  val R2 {r2:.3f}")
    return history[-1]


if __name__ == "__main__":
    print(train())
