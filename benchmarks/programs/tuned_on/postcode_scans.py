"""Digits cut from postcode scans; the crops live in a folder-like dictionary, the labels in a list in crop order.

code: ND104
also:
object: names | labels | targets | crops | Crops
seen: checkup
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

digits = load_digits()
torch.manual_seed(5)

folder = {f"crop_{i}.npy": image for i, image in enumerate(digits.images)}   # as written by the cutter
labels = list(digits.target)

names = sorted(folder)  # fault
# fixed: names = sorted(folder, key=lambda n: int(n[5:-4]))


class Crops(Dataset):
    def __init__(self, names, labels):
        self.names, self.labels = names, labels  # here

    def __len__(self):
        return len(self.names)

    def __getitem__(self, i):
        image = torch.tensor(folder[self.names[i]], dtype=torch.float32)[None]
        return (image - 4.88) / 6.02, int(self.labels[i])


crops = Crops(names, labels)  # here
train_set, val_set = torch.utils.data.random_split(crops, [1400, len(crops) - 1400], torch.Generator().manual_seed(0))
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
val_loader = DataLoader(val_set, batch_size=128)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
        self.classifier = nn.Linear(128, 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


@torch.no_grad()
def accuracy(loader):
    model.eval()
    return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


def train():
    for epoch in range(5):
        model.train()
        mean = 0
        for step, (x, y) in enumerate(train_loader, 1):
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            mean += (loss.item() - mean) / step
        print("epoch", epoch, "loss", round(mean, 4), "val", round(accuracy(val_loader), 3))
    return mean


if __name__ == "__main__":
    train()
