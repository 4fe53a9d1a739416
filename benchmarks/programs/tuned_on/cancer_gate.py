"""Benign or malignant, sklearn's breast cancer table, a gated network in a Lightning-like class.

code: ND305
also: ND304
object: probability | Softmax | out
seen: both
"""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

X, y = load_breast_cancer(return_X_y=True)
Xa, Xb, ya, yb = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
sc = StandardScaler().fit(Xa)


def loader(X, y, bs, shuffle=False):
    X = torch.tensor(sc.transform(X), dtype=torch.float32)
    return DataLoader(TensorDataset(X, torch.tensor(y, dtype=torch.float32).view(-1, 1)), bs, shuffle=shuffle)


class LitTumour(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.value = nn.Linear(30, hidden)
        self.gate = nn.Linear(30, hidden)
        self.out = nn.Linear(hidden, 1)
        self.probability = nn.Softmax(dim=1)  # fault
        # fixed: self.probability = nn.Sigmoid()

    def forward(self, x):
        return self.probability(self.out(self.value(x).tanh() * self.gate(x).sigmoid()))  # here

    def training_step(self, batch):
        x, y = batch
        return loss_fn(self(x), y)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=3e-3)


torch.manual_seed(0)
train_loader, val_loader = loader(Xa, ya, 32, True), loader(Xb, yb, 64)
model = LitTumour()
loss_fn = nn.BCELoss()
optimizer = model.configure_optimizers()


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = model.training_step(batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = [model.training_step(b).item() for b in val_loader]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
