"""A deep multilayer perceptron as in the old textbooks, on eight-by-eight handwriting.

code: ND502
also: ND307
object: layers | model.layers | layers.0 | net | Sigmoid
seen: checkup
"""
import torch
from torch import nn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(6)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=6)
mean, std = X_train.mean(), X_train.std()


def loader(a, b, shuffle):
    ds = torch.utils.data.TensorDataset(torch.tensor((a - mean) / std, dtype=torch.float32), torch.tensor(b))
    return torch.utils.data.DataLoader(ds, batch_size=64, shuffle=shuffle)


train_loader = loader(X_train, y_train, True)
val_loader = loader(X_test, y_test, False)


class DeepMLP(nn.Module):
    def __init__(self, n_in=64, width=48, depth=8, n_out=10):
        super().__init__()
        layers = []
        for i in range(depth):
            layers += [nn.Linear(n_in if i == 0 else width, width), nn.Sigmoid()]  # fault
            # fixed: layers += [nn.Linear(n_in if i == 0 else width, width), nn.BatchNorm1d(width), nn.ReLU()]
        self.layers = nn.Sequential(*layers)  # here
        self.out = nn.Linear(width, n_out)

    def forward(self, x):
        return self.out(self.layers(x))


model = DeepMLP()  # here
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def accuracy():
    model.eval()
    with torch.no_grad():
        hits = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader)
    return hits / len(y_test)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: {total / len(train_loader):.4f}, test accuracy {accuracy():.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
