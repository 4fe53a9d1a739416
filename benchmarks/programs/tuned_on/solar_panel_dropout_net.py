"""Which of five defects has a solar panel? A net on 30 electrical readings.

code: ND608
also:
object: Dropout | dropout | p
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
N_DEFECTS, N_READINGS = 5, 30
signature = torch.randn(N_DEFECTS, N_READINGS) * 0.8
defect = torch.randint(0, N_DEFECTS, (1000,))
gain = 0.7 + 0.6 * torch.rand(1000, 1)
readings = signature[defect] * gain + torch.randn(1000, N_READINGS)
readings = (readings - readings[:800].mean(0)) / readings[:800].std(0)

train_loader = DataLoader(TensorDataset(readings[:800], defect[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(readings[800:], defect[800:]), batch_size=100)


class PanelNet(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.fc1 = nn.Linear(N_READINGS, width)
        self.fc2 = nn.Linear(width, width)
        self.fc3 = nn.Linear(width, N_DEFECTS)
        self.dropout = nn.Dropout(0.97)  # fault
        # fixed: self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        x = self.dropout(torch.relu(self.fc1(x)))  # here
        x = self.dropout(torch.relu(self.fc2(x)))  # here
        return self.fc3(x)


model = PanelNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def accuracy(loader):
    model.eval()
    with torch.no_grad():
        right = sum((model(a).argmax(1) == b).sum().item() for a, b in loader)
    return right / len(loader.dataset)


def train():
    for epoch in range(8):
        model.train()
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
    print(f"val accuracy {accuracy(val_loader):.3f}")


if __name__ == "__main__":
    train()
