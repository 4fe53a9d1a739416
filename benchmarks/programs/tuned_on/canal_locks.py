"""Minutes a ship waits at a lock, early stopping with the best weights restored at the end.

code: ND707
also:
object: best_state | best | state_dict | EarlyStopping
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class EarlyStopping:
    def __init__(self, patience=6):
        self.best, self.best_state, self.bad, self.patience = float("inf"), None, 0, patience

    def __call__(self, value, net):
        if value < self.best:
            self.best, self.bad = value, 0
            self.best_state = net.state_dict()  # fault
            # fixed: self.best_state = {k: v.detach().clone() for k, v in net.state_dict().items()}
        else:
            self.bad += 1
        return self.bad >= self.patience


class WaitNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.kind = nn.Embedding(4, 4)
        self.net = nn.Sequential(nn.Linear(9, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, kind, z):
        return self.net(torch.cat([self.kind(kind), z], 1)).squeeze(1)


torch.manual_seed(29)
n = 1000
kind = torch.randint(0, 4, (n,))
z = torch.randn(n, 5)
wait = torch.tensor([0.5, -0.2, 1.0, -1.0])[kind] * (1 + 0.4 * z[:, 0]) + torch.relu(z[:, 1] + z[:, 2]) + 0.3 * torch.randn(n)
wait = (wait - wait[:800].mean()) / wait[:800].std()
train_loader = DataLoader(TensorDataset(kind[:800], z[:800], wait[:800]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(kind[800:], z[800:], wait[800:]), batch_size=200)
model = WaitNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def batch_loss(setup, batch):
    k, f, w = batch
    return loss_fn(setup.model(k, f), w)


def validate():
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model(k, f), w).item() for k, f, w in val_loader) / len(val_loader)


def train():
    stopper = EarlyStopping()
    for epoch in range(9):
        model.train()
        total = 0.0
        for k, f, w in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(k, f), w)
            loss.backward()
            optimizer.step()
            total += loss.item()
        if stopper(validate(), model):  # here
            break
    model.load_state_dict(stopper.best_state)  # here
    print("best", stopper.best, "restored", validate())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
