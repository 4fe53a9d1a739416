"""Disease progression after one year (sklearn diabetes), a net for the leaderboard.

code: ND703
also:
object: model | optimizer | hidden | HIDDEN | history | val_loader
seen: watch
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)

X, y = load_diabetes(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, random_state=0)
xs, ys = StandardScaler().fit(X_train), StandardScaler().fit(y_train[:, None])
to = lambda a, s: torch.tensor(s.transform(a), dtype=torch.float32)
train_loader = DataLoader(TensorDataset(to(X_train, xs), to(y_train[:, None], ys)), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(to(X_val, xs), to(y_val[:, None], ys)), batch_size=133)


class Net(nn.Module):
    def __init__(self, hidden, p=0.0):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(10, hidden), nn.ReLU(), nn.Dropout(p),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(p),
            nn.Linear(hidden, 1),
        )

    def forward(self, x):
        return self.layers(x)


model = Net(hidden=256)  # fault
# fixed: model = Net(hidden=8, p=0.2)
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.0)  # fault
# fixed: optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
history = {"loss": [], "val_loss": []}


def train(n_epochs=50):
    for epoch in range(n_epochs):  # here
        model.train()
        total = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
        history["loss"].append(total / len(X_train))
        model.eval()
        with torch.no_grad():
            history["val_loss"].append(sum(loss_fn(model(xb), yb).item() for xb, yb in val_loader))  # here
        if epoch % 10 == 9:
            print(f"{epoch + 1:3d} loss {history['loss'][-1]:.4f} val_loss {history['val_loss'][-1]:.4f}")
    return history["loss"][-1]


if __name__ == "__main__":
    print(train())
