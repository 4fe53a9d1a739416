"""Toxic or not from 20 molecular descriptors; a deep plain MLP.

code: ND502
also:
object: Sigmoid | act | body | model.body
seen: checkup
"""
import torch
import torch.nn as nn

torch.manual_seed(1)
n = 3000
X = torch.randn(n, 20)
score = 0.5 * X[:, 0] * X[:, 1] + X[:, 2] - 0.5 * X[:, 3].abs() + 0.4
y = (score + 0.2 * torch.randn(n) > 0).float()
ds = torch.utils.data.TensorDataset(X, y)
tr, va = torch.utils.data.random_split(ds, [2500, 500])
train_loader = torch.utils.data.DataLoader(tr, batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(va, batch_size=100)

act = nn.Sigmoid  # fault
# fixed: act = nn.ReLU


class DeepTox(nn.Module):
    def __init__(self, width=24, depth=8):
        super().__init__()
        layers, d = [], 20
        for _ in range(depth):
            layers += [nn.Linear(d, width), act()]  # here
            d = width
        self.body = nn.Sequential(*layers)
        self.out = nn.Linear(width, 1)
        for m in self.body:
            if isinstance(m, nn.Linear):
                nn.init.kaiming_normal_(m.weight)
                nn.init.zeros_(m.bias)

    def forward(self, x):
        return self.out(self.body(x)).squeeze(-1)


model = DeepTox()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)


def train():
    for epoch in range(6):
        model.train()
        c = []
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            c.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = sum(((model(a) > 0) == (b > 0.5)).sum().item() for a, b in val_loader) / 500
        print(epoch, sum(c) / len(c), acc)
    return sum(c) / len(c)


if __name__ == "__main__":
    print(train())
