"""Benign or malignant, from cell nucleus measurements.

code: ND702
also: ND306
object: model | evaluate | model.train | drop1 | bn1 | drop2 | bn2 | val_loader
seen: watch
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(5)


class BiopsyData(Dataset):
    def __init__(self, x, y, mean, std):
        self.x = torch.tensor((x - mean) / std, dtype=torch.float32)
        self.y = torch.tensor(y, dtype=torch.float32)

    def __getitem__(self, index):
        return self.x[index], self.y[index]

    def __len__(self):
        return len(self.x)


class BinaryClassification(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer_1 = nn.Linear(30, 64)
        self.layer_2 = nn.Linear(64, 64)
        self.layer_out = nn.Linear(64, 1)
        self.relu = nn.ReLU()
        self.drop1, self.drop2 = nn.Dropout(0.4), nn.Dropout(0.4)
        self.bn1, self.bn2 = nn.BatchNorm1d(64), nn.BatchNorm1d(64)

    def forward(self, inputs):
        x = self.drop1(self.bn1(self.relu(self.layer_1(inputs))))
        x = self.drop2(self.bn2(self.relu(self.layer_2(x))))
        return self.layer_out(x).squeeze(1)


raw = load_breast_cancer()
x_tr, x_va, y_tr, y_va = train_test_split(raw.data, raw.target, test_size=0.3, random_state=69, stratify=raw.target)
mu, sigma = x_tr.mean(0), x_tr.std(0)
train_loader = DataLoader(BiopsyData(x_tr, y_tr, mu, sigma), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(BiopsyData(x_va, y_va, mu, sigma), batch_size=19)

model = BinaryClassification()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)


def binary_acc(y_pred, y_test):
    return (torch.round(torch.sigmoid(y_pred)) == y_test).float().mean()


def evaluate():
    loss_sum, acc_sum, n = 0.0, 0.0, 0
    with torch.no_grad():  # fault
    # fixed: model.eval()
    # fixed: with torch.no_grad():
        for x, y in val_loader:
            out = model(x)  # here
            loss_sum += loss_fn(out, y).item() * len(y)
            acc_sum += binary_acc(out, y).item() * len(y)
            n += len(y)
    return loss_sum / n, acc_sum / n


def train(epochs=12):
    for e in range(1, epochs + 1):
        model.train()
        epoch_loss = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        val_loss, val_acc = evaluate()  # here
        print(f"Epoch {e:03}: | Loss: {epoch_loss / len(train_loader):.5f} | Val loss: {val_loss:.5f} | Val acc: {val_acc:.3f}")
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
