"""Names seabirds on photos kept as photo_0.png … in a folder (here a dict), labels in a table.

code: ND104
also:
object: names | sorted | labels | folder
seen: both
"""
import numpy as np
import pandas as pd
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset, random_split

rng = np.random.default_rng(81)
torch.manual_seed(81)
SPECIES = ["gannet", "puffin", "skua", "tern"]
table = pd.DataFrame({"photo": np.arange(640), "species": rng.integers(0, 4, 640)})


def picture(kind):
    img = rng.normal(0, 0.7, (10, 10))
    if kind == 0:
        img[3:5, :] += 1
    elif kind == 1:
        img[:, 4:6] += 1
    elif kind == 2:
        img += 1.5 * np.eye(10)
    else:
        img[2:8, 2:8] += 0.6
    return img.astype(np.float32)


folder = {f"photo_{row.photo}.png": picture(row.species) for row in table.itertuples()}


class SeabirdFolder(Dataset):
    def __init__(self, folder, table):
        self.folder = folder
        self.names = sorted(folder)  # fault
        # fixed: self.names = sorted(folder, key=lambda s: int(s[6:-4]))
        self.labels = table.sort_values("photo").species.tolist()  # here

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        return torch.from_numpy(self.folder[self.names[i]])[None], self.labels[i]


train_set, val_set = random_split(SeabirdFolder(folder, table), [500, 140])
train_loader = DataLoader(train_set, batch_size=25, shuffle=True)
val_loader = DataLoader(val_set, batch_size=140)


class BirdNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 12, 3, padding=1)
        self.fc1 = nn.Linear(12 * 25, 32)
        self.fc2 = nn.Linear(32, len(SPECIES))

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.fc2(torch.relu(self.fc1(x.flatten(1))))


model = BirdNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(8):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        a, b = next(iter(val_loader))
        print("val accuracy %.3f" % (model(a).argmax(1) == b).float().mean().item())


if __name__ == "__main__":
    train()
