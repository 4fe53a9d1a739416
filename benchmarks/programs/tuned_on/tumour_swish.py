"""Malignant or benign: a table network with a memory-saving swish of its own.

code: ND505
also:
object: SwishFunction | MemorySwish | backward
seen: checkup
"""
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class SwishFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, grad_output):  # here
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return grad_output * (s * (1 - s))  # fault
        # fixed: return grad_output * (s + x * s * (1 - s))


class MemorySwish(nn.Module):
    def forward(self, x):
        return SwishFunction.apply(x)  # here


torch.manual_seed(0)
X, y = load_breast_cancer(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)
scaler_ = StandardScaler().fit(X_train)
as_set = lambda a, b: TensorDataset(torch.tensor(scaler_.transform(a), dtype=torch.float32), torch.tensor(b, dtype=torch.float32))
train_loader = DataLoader(as_set(X_train, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(as_set(X_val, y_val), batch_size=64)

model = nn.Sequential(
    nn.Linear(30, 32), MemorySwish(),
    nn.Linear(32, 16), MemorySwish(),
    nn.Linear(16, 1), nn.Flatten(0),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train():
    for epoch in range(10):
        model.train()
        total = n = 0
        for xb, yb in train_loader:
            loss = loss_fn(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
            n += len(xb)
        model.eval()
        with torch.no_grad():
            right = sum(((model(xb) > 0) == (yb > 0.5)).sum().item() for xb, yb in val_loader)
    return total / n


if __name__ == "__main__":
    print(train())
