"""Screening of breast tumours (sklearn's table): a probability for each patient.

code: ND305
also:
object: head | head.1 | Softmax | softmax
seen: checkup
"""
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, stratify=y, random_state=7)
scaler_x = StandardScaler().fit(X_train)


def as_set(a, b):
    return TensorDataset(torch.tensor(scaler_x.transform(a), dtype=torch.float32), torch.tensor(b, dtype=torch.float32).unsqueeze(1))


class Screen(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Sequential(nn.Linear(16, 1), nn.Softmax(dim=1))  # fault
        # fixed: self.head = nn.Sequential(nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, row):
        return self.head(self.body(row))  # here


torch.manual_seed(7)
train_loader = DataLoader(as_set(X_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(as_set(X_val, y_val), batch_size=143)
model = Screen()
loss_fn = nn.BCELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for row, malignant in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(row), malignant)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            for row, malignant in val_loader:
                acc = ((model(row) > 0.5).float() == malignant).float().mean().item()
        print(f"epoch {epoch + 1:2d}  loss {sum(losses) / len(losses):7.3f}  val acc {acc:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
