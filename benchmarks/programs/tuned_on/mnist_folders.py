"""Handwritten digits read like an image folder, one class directory after the other.

code: ND108
also:
object: train_loader | sampler | trainloader
seen: checkup
"""
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(123)


class DigitFolder(Dataset):
    """Walks 0/, 1/, ... 9/ and collects (image, class) samples, as ImageFolder does."""

    def __init__(self, split, val_per_class=35):
        digits = load_digits()
        self.samples = []
        for cls in range(10):
            files = [i for i, t in enumerate(digits.target) if t == cls]
            files = files[:-val_per_class] if split == "train" else files[-val_per_class:]
            self.samples += [(digits.images[i], cls) for i in files]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        image, cls = self.samples[index]
        image = torch.tensor(image, dtype=torch.float32).unsqueeze(0) / 16
        return (image - 0.305) / 0.376, cls


batch_size = 32
trainset, valset = DigitFolder("train"), DigitFolder("val")
train_loader = DataLoader(trainset, batch_size=batch_size, num_workers=0)  # fault
# fixed: train_loader = DataLoader(trainset, batch_size=batch_size, shuffle=True, num_workers=0)
val_loader = DataLoader(valset, batch_size=batch_size, num_workers=0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.conv1(x)))
        x = self.pool(torch.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc2(torch.relu(self.fc1(x)))


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def test():
    model.eval()
    correct, loss = 0, 0.0
    with torch.no_grad():
        for data, target in val_loader:
            output = model(data)
            loss += loss_fn(output, target).item() * len(target)
            correct += output.argmax(1).eq(target).sum().item()
    print(f"Test set: average loss {loss / len(valset):.4f}, accuracy {correct}/{len(valset)}")


def train():
    for epoch in range(1, 5):
        model.train()
        seen = []
        for data, target in train_loader:  # here
            optimizer.zero_grad()
            loss = loss_fn(model(data), target)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        test()
    return sum(seen) / len(seen)


if __name__ == "__main__":
    print(train())
