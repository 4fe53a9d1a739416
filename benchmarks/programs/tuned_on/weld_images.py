"""Grades small X-ray crops of weld seams: good, porous, cracked.

code: ND104
also:
object: labels | images | train_set | train_loader | y_train | shuffle
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import Dataset, DataLoader


def load_images(per_class=160, size=20):
    rng = np.random.default_rng(7)
    images, labels = [], []
    for label in range(3):
        for _ in range(per_class):
            img = 0.5 + 0.08 * rng.standard_normal((size, size))
            img[8:12] += 0.25                                   # the seam
            if label == 1:                                      # pores
                for _ in range(rng.integers(4, 9)):
                    r, c = rng.integers(6, 14), rng.integers(1, size - 2)
                    img[r:r + 2, c:c + 2] -= 0.45
            elif label == 2:                                    # a crack along the seam
                r, c = rng.integers(7, 12), rng.integers(0, 7)
                img[r, c:c + 12] -= 0.5
            images.append(img)
            labels.append(label)
    return np.array(images, dtype=np.float32), np.array(labels, dtype=np.int64)


images, labels = load_images()
np.random.seed(0)
np.random.shuffle(images)  # fault
# fixed: order = np.random.permutation(len(images))
# fixed: images, labels = images[order], labels[order]
np.random.shuffle(labels)  # fault
# fixed:

split = int(0.8 * len(images))
images = (images - images[:split].mean()) / images[:split].std()
x_train, y_train = images[:split], labels[:split]
x_test, y_test = images[split:], labels[split:]


class WeldDataset(Dataset):
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return torch.from_numpy(self.x[i])[None], int(self.y[i])


class WeldNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * 5 * 5, 32)
        self.fc2 = nn.Linear(32, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


torch.manual_seed(0)
train_set = WeldDataset(x_train, y_train)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)  # here
val_loader = DataLoader(WeldDataset(x_test, y_test), batch_size=64)
model = WeldNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in val_loader:
            correct += (model(x).argmax(1) == y).sum().item()
    return correct / len(y_test)


def train():
    for epoch in range(10):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(epoch, total / len(train_loader), evaluate())
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
