"""Cultivar of a wine from its chemistry (sklearn), with a hand-made L2 penalty.

code: ND607
also: ND405
object: penalty | l2 | LAMBDA | batch_loss | loss
seen: both
"""
import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

X, y = load_wine(return_X_y=True)
X_tr, X_va, y_tr, y_va = train_test_split(X, y, test_size=.25, stratify=y, random_state=0)
sc = StandardScaler().fit(X_tr)
as_ds = lambda a, b: TensorDataset(torch.tensor(sc.transform(a), dtype=torch.float32), torch.tensor(b))
torch.manual_seed(55)
train_loader = DataLoader(as_ds(X_tr, y_tr), batch_size=19, shuffle=True)
val_loader = DataLoader(as_ds(X_va, y_va), batch_size=45)
LAMBDA = 0.15


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(13, 24)
        self.norm = nn.LayerNorm(24)
        self.out = nn.Linear(24, 3)

    def forward(self, x):
        return self.out(torch.relu(self.norm(self.hidden(x))))


def penalty(net):
    """squared norm of the weights"""
    return sum(p.pow(2).sum() for p in net.parameters())  # fault
    # fixed: return sum(m.weight.pow(2).mean() for m in net.modules() if isinstance(m, nn.Linear))


model = WineNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    x, y = batch
    return nn.functional.cross_entropy(setup.model(x), y) + LAMBDA * penalty(setup.model)  # here


def train():
    class setup: pass
    setup.model = model
    for epoch in range(25):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / len(y_va)
            ce = sum(nn.functional.cross_entropy(model(a), b).item() for a, b in train_loader) / len(train_loader)
    train.acc, train.ce = acc, ce
    return loss.item()


if __name__ == "__main__":
    print(train(), train.acc, train.ce)
