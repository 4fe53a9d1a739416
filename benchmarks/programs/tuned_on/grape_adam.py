"""Which cultivar? sklearn's wine table, Lightning-like trainer written by hand.

code: ND607
also: ND704, ND705
object: optimizer | weight_decay
seen: both
"""
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class WineData:
    def __init__(self, batch_size=16, seed=0):
        X, y = load_wine(return_X_y=True)
        a, b, ya, yb = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
        s = StandardScaler().fit(a)
        pack = lambda X, y: TensorDataset(torch.tensor(s.transform(X), dtype=torch.float32), torch.tensor(y))
        self.train = DataLoader(pack(a, ya), batch_size=batch_size, shuffle=True)
        self.val = DataLoader(pack(b, yb), batch_size=64)


class WineModule(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(13, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, 3),
        )
        self.loss = nn.CrossEntropyLoss()

    def forward(self, x):
        return self.net(x)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3, weight_decay=0.5)  # fault
        # fixed: return torch.optim.Adam(self.parameters(), lr=1e-3, weight_decay=1e-4)


class Trainer:
    def __init__(self, max_epochs):
        self.max_epochs = max_epochs

    def fit(self, module, data, optimizer):
        for _ in range(self.max_epochs):
            module.train()
            log = []
            for x, y in data.train:
                loss = module.loss(module(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                log.append(loss.item())
            self.validate(module, data)
        return sum(log) / len(log)

    @torch.no_grad()
    def validate(self, module, data):
        module.eval()
        hits = [(module(x).argmax(1) == y).float().sum() for x, y in data.val]
        self.val_acc = float(sum(hits)) / len(data.val.dataset)


torch.manual_seed(0)
data = WineData()
model = WineModule()
loss_fn = model.loss
optimizer = model.configure_optimizers()  # here
train_loader, val_loader = data.train, data.val
trainer = Trainer(max_epochs=30)


def train():
    return trainer.fit(model, data, optimizer)


if __name__ == "__main__":
    print(train(), trainer.val_acc)
