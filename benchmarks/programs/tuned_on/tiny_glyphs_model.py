"""Handwritten digits with a conv net; the training slice is cut from the head of a shuffled pool.

code: ND703
also:
object: N_TRAIN | train_loader | pool
seen: watch
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

torch.manual_seed(89)
N_TRAIN = 40  # fault
# fixed: N_TRAIN = 1200
raw = load_digits()
pictures = torch.tensor(raw.images).float().unsqueeze(1)
pictures = (pictures - pictures.mean()) / pictures.std()
pictures = pictures + 0.7 * torch.randn_like(pictures)
pool = TensorDataset(pictures, torch.tensor(raw.target))
order = torch.randperm(len(pool)).tolist()
train_loader = DataLoader(Subset(pool, order[:N_TRAIN]), batch_size=20, shuffle=True)  # here
val_loader = DataLoader(Subset(pool, order[1300:]), batch_size=497)


class Glyphs(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.fc = nn.Sequential(nn.Flatten(), nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.fc(self.conv(x))


model = Glyphs()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
STEPS = 240
history = []


def train():
    step = 0
    while step < STEPS:
        for x, y in train_loader:
            model.train()
            optimizer.zero_grad()
            loss_fn(model(x), y).backward()
            optimizer.step()
            step += 1
            if step % 12 == 0:
                model.eval()
                with torch.no_grad():
                    history.append(sum(loss_fn(model(a), b).item() for a, b in val_loader))
            if step == STEPS:
                break


if __name__ == "__main__":
    train()
