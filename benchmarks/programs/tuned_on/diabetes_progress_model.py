"""How fast does diabetes progress? A small net on sklearn's table.

code: ND115
also:
object: progress | order | argsort | train_loader | val_loader | y | Y
seen: checkup
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(29)
X, progress = load_diabetes(return_X_y=True)
X, Y = torch.tensor(X).float(), torch.tensor(progress).float()
order = Y.argsort()  # fault
# fixed: order = torch.randperm(len(Y))
X, Y = X[order], Y[order]
n = 330
parts = {"train": slice(0, n), "val": slice(n, None)}
mx, sx, my, sy = X[:n].mean(0), X[:n].std(0), Y[:n].mean(), Y[:n].std()
sets = {k: TensorDataset((X[s] - mx) / sx, ((Y[s] - my) / sy)[:, None]) for k, s in parts.items()}
train_loader = DataLoader(sets["train"], batch_size=33, shuffle=True)
val_loader = DataLoader(sets["val"], batch_size=112)

model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)
history = []


def validate():
    model.eval()
    with torch.no_grad():
        (x, y), = list(val_loader)
        return loss_fn(model(x), y).item()


def train():
    for epoch in range(15):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
        history.append(validate())
    print("val mse", [round(h, 2) for h in history[::5]], round(history[-1], 3))


if __name__ == "__main__":
    train()
