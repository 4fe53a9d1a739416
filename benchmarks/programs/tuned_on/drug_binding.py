"""Binding affinity of a ligand to a pocket by cross attention with pruned weights.

code: ND505
also: ND501
object: weights | data | pocket_attention | masked_fill_
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(59)
ATOMS, RESIDUES, F_IN = 6, 14, 5


def complexes(n):
    ligand, pocket = torch.randn(n, ATOMS, F_IN), torch.randn(n, RESIDUES, F_IN)
    contact = torch.softmax(2 * ligand @ pocket.transpose(1, 2), -1)
    affinity = (contact @ pocket[..., :1]).squeeze(-1).sum(1)
    return ligand, pocket, (affinity - affinity.mean()) / affinity.std()


class Binding(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(F_IN, d), nn.Linear(F_IN, d), nn.Linear(F_IN, d)
        self.out = nn.Sequential(nn.Linear(d, 24), nn.ReLU(), nn.Linear(24, 1))

    def pocket_attention(self, ligand, pocket):
        scores = self.q(ligand) @ self.k(pocket).transpose(1, 2) / 24 ** 0.5
        weights = scores.softmax(-1)
        weights.data.masked_fill_(weights.data < 0.08, 0.0)  # fault
        # fixed: weights = weights * (weights >= 0.08)
        return weights @ self.v(pocket)  # here

    def forward(self, ligand, pocket):
        return self.out(self.pocket_attention(ligand, pocket)).sum(1).squeeze(-1)


everything = TensorDataset(*complexes(1500))
train_set, val_set = torch.utils.data.random_split(everything, [1200, 300])
train_loader = DataLoader(train_set, batch_size=50, shuffle=True)
val_loader = DataLoader(val_set, batch_size=100)
model = Binding()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
mse = nn.MSELoss()


def batch_loss(setup, batch):
    ligand, pocket, affinity = batch
    return mse(setup.model(ligand, pocket), affinity)


def train():
    bag = type("Bag", (), {"model": model})
    for epoch in range(10):
        model.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(bag, batch)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            print(epoch, loss.item(), sum(batch_loss(bag, b).item() for b in val_loader) / 3)
    return loss.item()


if __name__ == "__main__":
    print(train())
