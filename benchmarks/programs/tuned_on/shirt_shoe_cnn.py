"""Clothes silhouettes (shirt, trousers, shoe, bag), CNN with batch norm and dropout.

code: ND702
also:
object: validate | eval | model | val_loader
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(60000)
CLASSES = ("shirt", "trousers", "shoe", "bag")


def silhouette(kind, size=16):
    img = torch.zeros(size, size)
    s = int(torch.randint(-1, 2, ()))
    if kind == 0:
        img[3:14, 5 + s:11 + s] = .8
        img[3:6, 1:15] = .7
    elif kind == 1:
        img[2:5, 4 + s:12 + s] = .8
        img[5:15, 4 + s:7 + s] = .8
        img[5:15, 9 + s:12 + s] = .8
    elif kind == 2:
        img[9:13, 2:14] = .8
        img[5:10, 2:6 + s] = .7
    else:
        img[7:14, 3:13] = .8
        img[3 + s:7, 5:6] = img[3 + s:7, 10:11] = .8
    return img * (0.7 + 0.5 * torch.rand(())) + 0.7 * torch.randn(size, size)


class Clothes(Dataset):
    def __init__(self, n):
        self.y = torch.randint(len(CLASSES), (n,))
        self.x = torch.stack([silhouette(int(k)) for k in self.y]).unsqueeze(1)
        self.x = (self.x - 0.26) / 0.78

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class ClothesCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(nn.Flatten(), nn.Dropout(0.4), nn.Linear(24 * 16, 48), nn.ReLU(),
                                        nn.Dropout(0.4), nn.Linear(48, len(CLASSES)))

    def forward(self, x):
        return self.classifier(self.features(x))


train_loader = DataLoader(Clothes(480), batch_size=32, shuffle=True)
val_loader = DataLoader(Clothes(160), batch_size=32)
model = ClothesCNN()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def train_step(inputs, labels):
    optimizer.zero_grad()
    loss = loss_fn(model(inputs), labels)
    loss.backward()
    optimizer.step()
    return loss.item() * len(labels)


def validate():
    correct, val_loss = 0, 0.0  # fault
    # fixed: model.eval()
    # fixed: correct, val_loss = 0, 0.0
    with torch.no_grad():
        for inputs, labels in val_loader:
            outputs = model(inputs)  # here
            val_loss += loss_fn(outputs, labels).item() * len(labels)
            correct += (outputs.argmax(1) == labels).sum().item()
    return val_loss / len(val_loader.dataset), correct / len(val_loader.dataset)


def train(num_epochs=6):
    for epoch in range(num_epochs):
        model.train()
        running_loss = sum(train_step(inputs, labels) for inputs, labels in train_loader)
        val_loss, val_acc = validate()  # here
        print(f"Epoch {epoch + 1}: train {running_loss / 480:.4f}, val {val_loss:.4f}, acc {val_acc:.3f}")
    return running_loss / 480


if __name__ == "__main__":
    print(train())
