"""Reads 8x8 handwritten digits with a tiny CNN.

code: ND102
also:
object: train_loader | ImageFolderLike | to_tensor | inputs | images
seen: checkup
"""
import torch
from sklearn.datasets import load_digits
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset, Subset


def to_tensor(image):
    """like torchvision: HxW in 0..255 -> 1xHxW in 0..1"""
    return torch.as_tensor(image, dtype=torch.float32).unsqueeze(0) / 255  # here


class ImageFolderLike(Dataset):
    def __init__(self, images, labels, transform):
        self.images, self.labels, self.transform = images, labels, transform

    def __getitem__(self, index):
        return self.transform(self.images[index]), self.labels[index]  # here

    def __len__(self):
        return len(self.labels)


digits = load_digits()
images = digits.images / 16.0  # fault
# fixed: images = digits.images * (255 / 16.0)
dataset = ImageFolderLike(images, torch.from_numpy(digits.target), to_tensor)
order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(3)).tolist()
train_loader = DataLoader(Subset(dataset, order[:1400]), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(Subset(dataset, order[1400:]), batch_size=100)

torch.manual_seed(3)
model = nn.Sequential(
    nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(),
    nn.Conv2d(12, 24, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(24 * 16, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def accuracy(loader):
    model.eval()
    right = total = 0
    with torch.inference_mode():
        for image, label in loader:
            right += int((model(image).argmax(-1) == label).sum())
            total += len(label)
    model.train()
    return right / total


def train():
    running = 0.0
    for epoch in range(4):
        running = 0.0
        for image, label in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(image), label)
            loss.backward()
            optimizer.step()
            running += loss.item() / len(train_loader)
        print("epoch", epoch, "loss", round(running, 3), "val acc", round(accuracy(val_loader), 3))
    return running


if __name__ == "__main__":
    print(train())
