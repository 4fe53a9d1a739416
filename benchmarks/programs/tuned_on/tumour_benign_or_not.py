"""Benign or malignant, from thirty measurements of a biopsy.

code: ND106
also: ND102
object: val_set | X_val | val_loader | transform | scaler
seen: both
"""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(51)


class Biopsies(Dataset):
    def __init__(self, X, y, transform=None):
        self.X, self.y, self.transform = X, y, transform

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        row = self.X[i:i + 1]
        if self.transform is not None:
            row = self.transform(row)
        return torch.tensor(row[0], dtype=torch.float32), int(self.y[i])


X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, random_state=1, stratify=y)
scaler = StandardScaler().fit(X_train)
train_set = Biopsies(X_train, y_train, transform=scaler.transform)
val_set = Biopsies(X_val, y_val)  # fault
# fixed: val_set = Biopsies(X_val, y_val, transform=scaler.transform)
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
val_loader = DataLoader(val_set, batch_size=171)

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(8):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss_fn(model(a), b).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for a, b in val_loader:
            out = model(a)
            print("val loss", loss_fn(out, b).item(), "acc", (out.argmax(1) == b).float().mean().item())


if __name__ == "__main__":
    train()
