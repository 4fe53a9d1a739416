"""Normal beats against premature ones, a 1-d CNN in the style of a course exercise.

code: ND605
also:
object: optimizer | eps
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(101)


def beats(n, length=48):
    t = torch.linspace(-1, 1, length)
    premature = torch.randint(0, 2, (n, 1)).float()
    width = 0.08 + 0.10 * premature
    centre = 0.1 * torch.randn(n, 1)
    spike = torch.exp(-((t - centre) / width) ** 2)
    wave = 0.4 * torch.exp(-((t - centre - 0.5) / 0.15) ** 2) * (1 - premature)
    return ((spike + wave + 0.1 * torch.randn(n, length)) - 0.18) / 0.33, premature.squeeze(1).long()


class BeatNet(nn.Module):
    def __init__(self):
        super(BeatNet, self).__init__()
        self.conv1 = nn.Conv1d(1, 8, 5)
        self.conv2 = nn.Conv1d(8, 16, 5)
        self.fc1 = nn.Linear(16 * 9, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.conv1(x.unsqueeze(1))), 2)
        x = F.max_pool1d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


train_loader = DataLoader(TensorDataset(*beats(512)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(*beats(128)), batch_size=64)
model = BeatNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=100.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)


def train():
    for epoch in range(6):
        model.train()
        running = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            running += loss.item()
        model.eval()
        with torch.no_grad():
            ok = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(f"{epoch} {running / len(train_loader):.4f} {ok / 128:.3f}")
    return running / len(train_loader)


if __name__ == "__main__":
    print(train())
