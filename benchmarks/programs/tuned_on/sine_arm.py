"""Forward kinematics of a planar three-joint arm, learnt from samples: joint angles -> x, y of the hand.

code: ND205
also:
object: fc1 | fc2 | fc3 | fc4 | KinematicsNet
seen: checkup
"""
import math

import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, Dataset


class ArmDataset(Dataset):
    LINKS = (0.5, 0.35, 0.15)

    def __init__(self, n, seed):
        gen = torch.Generator().manual_seed(seed)
        self.q = (torch.rand(n, 3, generator=gen) * 2 - 1) * math.pi * 0.8
        angle = self.q.cumsum(1)
        links = torch.tensor(self.LINKS)
        self.xy = torch.stack([(links * angle.cos()).sum(1), (links * angle.sin()).sum(1)], 1)

    def __len__(self):
        return len(self.q)

    def __getitem__(self, i):
        return self.q[i] / (0.8 * math.pi) * 1.7, self.xy[i] * 2


class KinematicsNet(nn.Module):
    def __init__(self, hidden=64):
        super(KinematicsNet, self).__init__()
        self.fc1 = nn.Linear(3, hidden)  # here
        self.fc2 = nn.Linear(hidden, hidden)  # here
        self.fc3 = nn.Linear(hidden, hidden)  # here
        self.fc4 = nn.Linear(hidden, 2)

    def forward(self, q):
        out = self.fc1(q)  # fault
        # fixed: out = torch.tanh(self.fc1(q))
        out = self.fc2(out)  # fault
        # fixed: out = torch.tanh(self.fc2(out))
        out = self.fc3(out)  # fault
        # fixed: out = torch.tanh(self.fc3(out))
        return self.fc4(out)  # here


torch.manual_seed(21)
train_loader = DataLoader(ArmDataset(1500, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(ArmDataset(300, 1), batch_size=300)
model = KinematicsNet()
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=0.003)


def train(n_epochs=10):
    for epoch in range(1, n_epochs + 1):
        model.train()
        train_loss = 0.0
        for q, xy in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(q), xy)
            loss.backward()
            optimizer.step()
            train_loss += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            test_loss = sum(loss_fn(model(q), xy).item() for q, xy in val_loader)
        if epoch % 2 == 0:
            print(f"epoch {epoch}\ttrain {train_loss:.4f}\ttest {test_loss:.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())
