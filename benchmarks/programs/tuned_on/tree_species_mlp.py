"""Tree species from leaf measurements scaled to 0..1; an MLP with hand-made layers (course work).

code: ND307
also: ND202, ND502
object: fc1 | fc2 | init_weights | weight
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.preprocessing import MinMaxScaler

torch.manual_seed(2)
rng = np.random.default_rng(2)

n_species, n_feat = 6, 40
centres = rng.normal(0, 1, (n_species, n_feat))
species = rng.integers(0, n_species, 1200)
leaves = centres[species] + rng.normal(0, 1.3, (1200, n_feat))
leaves = MinMaxScaler().fit(leaves[:900]).transform(leaves)

x = torch.tensor(leaves, dtype=torch.float32)
y = torch.tensor(species)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=100)


def init_weights(layer):
    if isinstance(layer, nn.Linear):
        nn.init.uniform_(layer.weight)  # fault
        # fixed: nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)


class LeafNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(n_feat, 50)
        self.fc2 = nn.Linear(50, 30)
        self.out = nn.Linear(30, n_species)

    def forward(self, x):
        x = torch.tanh(self.fc1(x))  # here
        x = torch.tanh(self.fc2(x))  # here
        return self.out(x)


model = LeafNet()
model.apply(init_weights)  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        total, correct = 0.0, 0
        model.train()
        for xb, yb in train_loader:
            out = model(xb)
            loss = loss_fn(out, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            for xb, yb in val_loader:
                correct += (model(xb).argmax(1) == yb).sum().item()
        print("Epoch: {}, Loss: {:.4f}, Val acc: {:.2f}%".format(epoch, total / len(train_loader), 100 * correct / 300))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
