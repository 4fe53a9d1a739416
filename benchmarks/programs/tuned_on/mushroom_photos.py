"""Tells edible from poisonous mushrooms by photo (fine-tuned colours, tiny CNN).

code: ND106
also:
object: val_tf | val_ds | val_loader | data_transforms | Normalize
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

SEED = 3
np.random.seed(SEED)
torch.manual_seed(SEED)
KINDS = ["chanterelle", "fly_agaric", "destroying_angel"]
CAPS = np.array([[200, 140, 40], [190, 40, 35], [225, 225, 215]], float)


def photo(kind):
    img = np.random.normal(75, 18, (24, 24, 3)) + np.array([0, 20, -10])
    cy, cx, r = np.random.uniform(8, 16), np.random.uniform(8, 16), np.random.uniform(4, 8)
    yy, xx = np.mgrid[:24, :24]
    cap = (yy - cy) ** 2 + (xx - cx) ** 2 < r * r
    colour = CAPS[kind] + np.random.normal(0, 22, 3)
    img[cap] = colour + np.random.normal(0, 12, (cap.sum(), 3))
    if kind == 1:
        spots = cap & (np.random.rand(24, 24) < 0.15)
        img[spots] = 235
    return np.clip(img, 0, 255).astype(np.uint8)


class ToTensor:
    def __call__(self, img):
        return torch.from_numpy(img.copy()).permute(2, 0, 1).float() / 255


class Normalize:
    def __init__(self, mean, std):
        self.mean = torch.tensor(mean).view(3, 1, 1)
        self.std = torch.tensor(std).view(3, 1, 1)

    def __call__(self, t):
        return (t - self.mean) / self.std


class RandomHorizontalFlip:
    def __call__(self, t):
        return t.flip(-1) if torch.rand(()) < 0.5 else t


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, x):
        for s in self.steps:
            x = s(x)
        return x


MEAN, STD = [0.40, 0.41, 0.28], [0.22, 0.16, 0.18]
data_transforms = {
    "train": Compose(ToTensor(), RandomHorizontalFlip(), Normalize(MEAN, STD)),
    "val": Compose(ToTensor()),  # fault
    # fixed: "val": Compose(ToTensor(), Normalize(MEAN, STD)),
}


class Mushrooms(Dataset):
    def __init__(self, n, transform):
        self.labels = np.random.randint(0, 3, n)
        self.photos = [photo(k) for k in self.labels]
        self.transform = transform

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, i):
        return self.transform(self.photos[i]), int(self.labels[i])


datasets = {k: Mushrooms(n, data_transforms[k]) for k, n in [("train", 320), ("val", 96)]}
val_ds = datasets["val"]  # here
train_loader = DataLoader(datasets["train"], batch_size=32, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=32)  # here

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
    nn.Flatten(), nn.Linear(32, len(KINDS)),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train(num_epochs=8):
    for epoch in range(num_epochs):
        for phase, loader in (("train", train_loader), ("val", val_loader)):
            model.train(phase == "train")
            loss_sum, hits = 0.0, 0
            for inputs, labels in loader:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = loss_fn(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                loss_sum += loss.item() * len(labels)
                hits += (outputs.argmax(1) == labels).sum().item()
            if phase == "train":
                train_loss = loss_sum / len(loader.dataset)
            print(f"{epoch} {phase} loss {loss_sum / len(loader.dataset):.4f} acc {hits / len(loader.dataset):.4f}")
    return train_loss


if __name__ == "__main__":
    print(train())
