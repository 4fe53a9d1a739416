"""Disease progression, ten measurements, standardised target; learning curves over 25 epochs.

code: ND703
also:
object: model | history | Sequential
seen: watch
"""
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
X, y = load_diabetes(return_X_y=True)
Xt, Xv, yt, yv = train_test_split(X, y, test_size=0.3, random_state=3)
sx, sy = StandardScaler().fit(Xt), StandardScaler().fit(yt[:, None])


def dataset(a, b):
    return TensorDataset(torch.tensor(sx.transform(a)).float(), torch.tensor(sy.transform(b[:, None])).float())


train_loader = DataLoader(dataset(Xt, yt), batch_size=16, shuffle=True)
val_loader = DataLoader(dataset(Xv, yv), batch_size=64)
model = nn.Sequential(nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 1))  # fault
# fixed: model = nn.Sequential(nn.Linear(10, 6), nn.Tanh(), nn.Dropout(0.1), nn.Linear(6, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def mean_loss(loader):
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() * len(x) for x, y in loader) / len(loader.dataset)


def train():
    for epoch in range(25):
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        train_loss, val_loss = mean_loss(train_loader), mean_loss(val_loader)  # here
        print(f"epoch {epoch + 1:2d}: train {train_loss:.3f} val {val_loss:.3f}")
    return train_loss


if __name__ == "__main__":
    print(train())
