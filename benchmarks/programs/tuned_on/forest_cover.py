"""Forest cover types from cartographic columns (made to look like covtype).

code: ND102
also:
object: train_loader | train_ds | x_train | X | Elevation | inputs | column 0
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(0)
np.random.seed(0)

cols = ["Elevation", "Aspect", "Slope", "Horiz_Hydrology", "Vert_Hydrology", "Horiz_Roadways",
        "Hillshade_9am", "Hillshade_Noon", "Hillshade_3pm", "Horiz_Fire"]
n = 2000
X = np.stack([
    np.random.normal(2950, 280, n), np.random.uniform(0, 360, n), np.abs(np.random.normal(14, 7.5, n)),
    np.random.gamma(1.6, 170, n), np.random.normal(46, 58, n), np.random.gamma(2.2, 1060, n),
    np.random.normal(212, 26, n).clip(0, 254), np.random.normal(223, 20, n).clip(0, 254),
    np.random.normal(142, 38, n).clip(0, 254), np.random.gamma(2.2, 900, n)], axis=1)
Z = (X - X.mean(0)) / X.std(0)
score = np.stack([1.6 * Z[:, 0] - 0.5 * Z[:, 5], -1.6 * Z[:, 0] + 0.9 * Z[:, 2], 1.2 * Z[:, 2] * Z[:, 8] + Z[:, 4],
                  0.9 * Z[:, 6] - 0.9 * Z[:, 9]], 1)
y = (score + 0.4 * np.random.gumbel(size=score.shape)).argmax(1)

idx = np.random.permutation(n)
tr, te = idx[:1600], idx[1600:]
x_train, x_test = X[tr], X[te]
mu, sigma = x_train.mean(0), x_train.std(0)

x_train = torch.FloatTensor(x_train)  # fault
# fixed: x_train = torch.FloatTensor((x_train - mu) / sigma)
x_test = torch.FloatTensor(x_test)  # fault
# fixed: x_test = torch.FloatTensor((x_test - mu) / sigma)
y_train, y_test = torch.LongTensor(y[tr]), torch.LongTensor(y[te])

train_ds = TensorDataset(x_train, y_train)  # here
train_loader = DataLoader(train_ds, batch_size=64, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(x_test, y_test), batch_size=200)  # here


class CoverNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(len(cols), 64)
        self.fc2 = nn.Linear(64, 64)
        self.fc3 = nn.Linear(64, 4)
        self.relu = nn.ReLU()
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = self.relu(self.fc1(x))
        x = self.drop(self.relu(self.fc2(x)))
        return self.fc3(x)


model = CoverNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def train():
    for e in range(12):
        model.train()
        train_loss = 0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()
            train_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for inputs, labels in val_loader:
                correct += (model(inputs).max(1)[1] == labels).sum().item()
        print(f"Epoch {e + 0:03}: | Loss: {train_loss / len(train_loader):.5f} | Acc: {correct / len(te):.3f}")
    return train_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
