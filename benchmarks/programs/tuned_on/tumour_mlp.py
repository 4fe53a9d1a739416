"""Benign or malignant from the Wisconsin cell measurements.

code: ND106
also: ND102
object: val_loader | X_val | val_ds | scaler
seen: checkup
"""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)

data = load_breast_cancer()
X_train, X_val, y_train, y_val = train_test_split(
    data.data, data.target, test_size=0.25, stratify=data.target, random_state=42
)

sc = StandardScaler()
X_train = sc.fit_transform(X_train)  # here
X_val = torch.tensor(X_val, dtype=torch.float32)  # fault
# fixed: X_val = torch.tensor(sc.transform(X_val), dtype=torch.float32)
X_train = torch.tensor(X_train, dtype=torch.float32)
y_train = torch.tensor(y_train, dtype=torch.float32).unsqueeze(1)
y_val = torch.tensor(y_val, dtype=torch.float32).unsqueeze(1)

train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=32, shuffle=True)
val_ds = TensorDataset(X_val, y_val)  # here
val_loader = DataLoader(val_ds, batch_size=64)  # here

model = nn.Sequential(
    nn.Linear(30, 16),
    nn.ReLU(),
    nn.Dropout(0.2),
    nn.Linear(16, 8),
    nn.ReLU(),
    nn.Linear(8, 1),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-4)
history = {"loss": [], "val_loss": [], "val_acc": []}


def train(n_epochs=15):
    for epoch in range(n_epochs):
        model.train()
        running = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            out = model(xb)
            loss = loss_fn(out, yb)
            loss.backward()
            optimizer.step()
            running += loss.item() * xb.size(0)
        history["loss"].append(running / len(X_train))

        model.eval()
        v_loss, v_hit = 0.0, 0
        with torch.no_grad():
            for xb, yb in val_loader:
                out = model(xb)
                v_loss += loss_fn(out, yb).item() * xb.size(0)
                v_hit += ((out > 0).float() == yb).sum().item()
        history["val_loss"].append(v_loss / len(val_ds))
        history["val_acc"].append(v_hit / len(val_ds))
    return history["loss"][-1]


if __name__ == "__main__":
    print(train())
    print("val acc", history["val_acc"][-1], "val loss", history["val_loss"][-1])
