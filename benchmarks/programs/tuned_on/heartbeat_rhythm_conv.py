"""Normal, early or missing-wave heartbeat? A 1-d CNN with class weights, judged by the mean recall of the classes.

code: ND107
also:
object: weight | class_weights | loss_fn | counts | CrossEntropyLoss
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

SHARE = torch.tensor([0.78, 0.15, 0.07])


def bump(t, centre, width, height):
    return height * torch.exp(-((t - centre) / width) ** 2)


def beats(n, g):
    kind = torch.multinomial(SHARE, n, replacement=True, generator=g)
    t = torch.linspace(0, 1, 50).expand(n, 50)
    jitter = 0.05 * torch.randn(n, 1, generator=g)
    early = (kind == 1).float()[:, None]
    lost = (kind == 2).float()[:, None]
    wave = bump(t, 0.45 + jitter - 0.08 * early, 0.04, 2.5)
    wave = wave + bump(t, 0.7 + jitter, 0.08, 0.9 - 0.65 * lost) + bump(t, 0.25 + jitter, 0.05, 0.5)
    return ((wave - 0.4) / 0.7 + 0.45 * torch.randn(n, 50, generator=g)).unsqueeze(1), kind


class BeatNet(nn.Module):
    def __init__(self, channels=12):
        super().__init__()
        self.c1 = nn.Conv1d(1, channels, 7, padding=3)
        self.c2 = nn.Conv1d(channels, channels, 5, padding=2)
        self.fc = nn.Linear(channels * 12, 3)

    def forward(self, x):
        x = F.max_pool1d(F.relu(self.c1(x)), 2)
        x = F.max_pool1d(F.relu(self.c2(x)), 2)
        return self.fc(x.flatten(1))


torch.manual_seed(70)
g = torch.Generator().manual_seed(70)
x_train, y_train = beats(1200, g)
x_val, y_val = beats(600, g)
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(x_val, y_val), batch_size=200)

counts = torch.bincount(y_train, minlength=3).float()
class_weights = counts / counts.sum()  # fault
# fixed: class_weights = counts.sum() / (3 * counts)

model = BeatNet()
loss_fn = nn.CrossEntropyLoss(weight=class_weights)  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def recalls():
    model.eval()
    with torch.no_grad():
        said = torch.cat([model(x).argmax(1) for x, _ in val_loader])
    return [(said[y_val == k] == k).float().mean().item() for k in range(3)]


def train():
    for epoch in range(5):
        model.train()
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    print("recall per class", [round(r, 2) for r in recalls()])


if __name__ == "__main__":
    train()
