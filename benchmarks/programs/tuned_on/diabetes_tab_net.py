"""Progression of diabetes one year later (sklearn's table), a small residual net.

code: ND306
also:
object: Dropout | nn.Dropout | forward | h
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn import datasets, model_selection, preprocessing

data = datasets.load_diabetes()
xa, xb, ya, yb = model_selection.train_test_split(data.data, data.target, test_size=0.2, random_state=0)
sx, sy = preprocessing.StandardScaler().fit(xa), preprocessing.StandardScaler().fit(ya[:, None])
T = lambda a: torch.tensor(a, dtype=torch.float32)
train_data = torch.utils.data.TensorDataset(T(sx.transform(xa)), T(sy.transform(ya[:, None])))
val_data = torch.utils.data.TensorDataset(T(sx.transform(xb)), T(sy.transform(yb[:, None])))


class Tab(nn.Module):
    def __init__(self, d=10, h=32):
        super().__init__()
        self.p = 0.25
        self.first = nn.Linear(d, h)
        self.second = nn.Linear(h, h)
        self.last = nn.Linear(h, 1)

    def forward(self, x):
        h = F.elu(self.first(x))
        h = nn.Dropout(self.p)(h)  # fault
        # fixed: h = F.dropout(h, self.p, self.training)
        h = h + F.elu(self.second(h))
        h = nn.Dropout(self.p)(h)  # fault
        # fixed: h = F.dropout(h, self.p, self.training)
        return self.last(h)


torch.manual_seed(0)
model = Tab()
train_loader = torch.utils.data.DataLoader(train_data, batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(val_data, batch_size=89)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.02)


def r2():
    model.eval()
    with torch.no_grad():
        x, y = next(iter(val_loader))
        return 1 - ((model(x) - y) ** 2).sum().item() / ((y - y.mean()) ** 2).sum().item()


def train():
    for epoch in range(15):
        model.train()
        log = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            log.append(loss.item())
    print("R2 of three readings:", [round(r2(), 3) for _ in range(3)])
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
