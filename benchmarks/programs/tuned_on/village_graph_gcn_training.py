"""Which dialect is spoken in a village? A graph net over 60 villages per map and their roads.

code: ND501
also:
object: detach | encode | word_net | model
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Maps(Dataset):
    """Each map: villages in three dialect areas, roads mostly within an area, 40 yes/no word tests."""

    words = np.random.default_rng(1).random((3, 40)) < 0.5

    def __init__(self, n, seed):
        rng = np.random.default_rng(seed)
        self.items = []
        for _ in range(n):
            area = rng.integers(0, 3, 60)
            same = area[:, None] == area[None]
            road = rng.random((60, 60)) < np.where(same, 0.06, 0.02)
            road = np.maximum(road, road.T) | np.eye(60, dtype=bool)
            adj = road / road.sum(1, keepdims=True)
            heard = self.words[area] ^ (rng.random((60, 40)) < 0.38)
            self.items.append((torch.tensor(heard * 2.0 - 1).float(), torch.tensor(adj).float(), torch.tensor(area)))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class DialectNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.word_net = nn.Linear(40, 6)
        self.road_net = nn.Linear(6, 16)
        self.out = nn.Linear(16, 3)

    def encode(self, heard):
        return torch.relu(self.word_net(heard))

    def forward(self, heard, adj):
        h = adj @ self.encode(heard).detach()  # fault
        # fixed: h = adj @ self.encode(heard)
        return self.out(torch.relu(self.road_net(h)))


torch.manual_seed(50)
train_loader = DataLoader(Maps(100, 1), batch_size=5, shuffle=True)
val_loader = DataLoader(Maps(20, 2), batch_size=10)
model = DialectNet()
cross_entropy = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    heard, adj, area = batch
    return cross_entropy(setup.model(heard, adj).flatten(0, 1), area.flatten())


def train():
    for epoch in range(8):
        model.train()
        for heard, adj, area in train_loader:
            optimizer.zero_grad()
            cross_entropy(model(heard, adj).flatten(0, 1), area.flatten()).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        acc = np.mean([(model(h, a).argmax(-1) == k).float().mean().item() for h, a, k in val_loader])
    print("villages right", acc)


if __name__ == "__main__":
    train()
