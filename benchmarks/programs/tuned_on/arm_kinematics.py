"""Learns where the gripper of a three-joint planar arm ends up, from its joint angles.

code: ND205
also: ND704
object: fc1 | fc2 | fc3 | fc4 | ArmNet
seen: checkup
"""
import math
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader


class ArmDataset(Dataset):
    LINKS = (0.6, 0.4, 0.25)

    def __init__(self, size, seed):
        gen = torch.Generator().manual_seed(seed)
        self.angles = (torch.rand(size, 3, generator=gen) * 2 - 1) * torch.tensor([math.pi, 2.0, 2.0])
        heading = self.angles.cumsum(1)
        x = sum(l * torch.cos(heading[:, i]) for i, l in enumerate(self.LINKS))
        y = sum(l * torch.sin(heading[:, i]) for i, l in enumerate(self.LINKS))
        self.position = torch.stack([x, y], 1)

    def __len__(self):
        return len(self.angles)

    def __getitem__(self, i):
        return self.angles[i] / 2, self.position[i]


class ArmNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(3, 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 32)
        self.fc4 = nn.Linear(32, 2)

    def forward(self, x):
        x = self.fc1(x)  # fault
        # fixed: x = torch.relu(self.fc1(x))
        x = self.fc2(x)  # fault
        # fixed: x = torch.relu(self.fc2(x))
        x = self.fc3(x)  # fault
        # fixed: x = torch.relu(self.fc3(x))
        return self.fc4(x)  # here


torch.manual_seed(21)
train_loader = DataLoader(ArmDataset(1500, 0), batch_size=50, shuffle=True)
val_loader = DataLoader(ArmDataset(300, 1), batch_size=300)
model = ArmNet()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=6, gamma=0.5)


def train():
    for epoch in range(10):
        model.train()
        epoch_loss = 0.0
        for angles, pos in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(angles), pos)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() / len(train_loader)
        scheduler.step()
        model.eval()
        with torch.no_grad():
            for angles, pos in val_loader:
                err = (model(angles) - pos).norm(dim=1).mean().item()
        print(f"epoch {epoch:2d}  mse {epoch_loss:.4f}  mean gripper error {err:.3f} m")
    return epoch_loss


if __name__ == "__main__":
    print(train())
