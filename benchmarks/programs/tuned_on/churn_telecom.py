"""Will a phone customer leave? Class-style trainer on tabular data.

code: ND404
also: ND305
object: loss_fn | CrossEntropyLoss | criterion | head | score
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.preprocessing import StandardScaler
import numpy as np

rng = np.random.RandomState(17)
n = 800
tenure = rng.gamma(2., 12., n)
bill = 30 + 20 * rng.rand(n) + .3 * tenure
calls = rng.poisson(2, n)
contract = rng.randint(0, 3, n)
z = -.08 * tenure + .05 * bill + .5 * calls - .9 * contract - .6
left = (rng.rand(n) < 1 / (1 + np.exp(-z))).astype("float32")
X = np.column_stack([tenure, bill, calls, np.eye(3)[contract]]).astype("float32")
scaler_ = StandardScaler().fit(X[:640])
X = scaler_.transform(X).astype("float32")


class ChurnModel(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.stem = nn.Sequential(nn.Linear(d, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(.1))
        self.score = nn.Linear(32, 1)

    def forward(self, x):
        return self.score(self.stem(x))


class Trainer:
    def __init__(self, model, criterion, optimizer, train_dl, val_dl):
        self.model, self.criterion, self.optimizer = model, criterion, optimizer
        self.train_dl, self.val_dl = train_dl, val_dl

    def epoch(self):
        self.model.train()
        total, count = 0., 0
        for x, y in self.train_dl:
            self.optimizer.zero_grad(set_to_none=True)
            loss = self.criterion(self.model(x), y)  # here
            loss.backward()
            self.optimizer.step()
            total += loss.item() * len(x); count += len(x)
        return total / count

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        right = sum((((self.model(x) > 0).float() == y).sum().item()) for x, y in self.val_dl)
        return right / len(self.val_dl.dataset)


torch.manual_seed(0)
as_set = lambda s: TensorDataset(torch.from_numpy(X[s]), torch.from_numpy(left[s])[:, None])
train_loader = DataLoader(as_set(slice(0, 640)), 64, shuffle=True)
val_loader = DataLoader(as_set(slice(640, None)), 80)
model = ChurnModel(X.shape[1])
LOSSES = {
    "classification": nn.CrossEntropyLoss(),  # fault
    # fixed: "classification": nn.BCEWithLogitsLoss(),
    "regression": nn.MSELoss(),
}
loss_fn = LOSSES["classification"]  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
trainer = Trainer(model, loss_fn, optimizer, train_loader, val_loader)


def train():
    for _ in range(8):
        loss = trainer.epoch()
        acc = trainer.evaluate()
    return loss


if __name__ == "__main__":
    print(train())
