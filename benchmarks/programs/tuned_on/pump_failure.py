"""Days until a pump's bearing fails, from vibration features; validation error printed each epoch.

code: ND708
also:
object: validate | val_loss | val_loader
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(13)


def measure(n):
    wear = torch.rand(n)
    heavy = (torch.rand(n) < 0.2).float()
    feats = torch.stack([
        0.4 + 1.5 * wear ** 2 + 0.1 * torch.randn(n),
        3.0 + 2.0 * wear + 0.4 * torch.randn(n),
        heavy + 0.1 * torch.randn(n),
        60 + 15 * wear + 8 * heavy + 2 * torch.randn(n),
        torch.randn(n),
    ], 1)
    days = 120 * (1 - wear) * (1 - 0.4 * heavy) + 12 * torch.randn(n) * (0.4 + heavy)
    return feats, days.unsqueeze(1)


x_train, y_train = measure(900)
x_val, y_val = measure(259)
xm, xs, ym, ys = x_train.mean(0), x_train.std(0), y_train.mean(), y_train.std()
train_ds = TensorDataset((x_train - xm) / xs, (y_train - ym) / ys)
val_ds = TensorDataset((x_val - xm) / xs, (y_val - ym) / ys)
train_loader = DataLoader(train_ds, batch_size=60, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=128)

model = nn.Sequential(nn.Linear(5, 48), nn.GELU(), nn.Linear(48, 24), nn.GELU(), nn.Linear(24, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


@torch.no_grad()
def validate():
    model.eval()
    val_loss = 0.0
    for xb, yb in val_loader:
        val_loss += loss_fn(model(xb), yb).item()  # fault
        # fixed: val_loss += loss_fn(model(xb), yb).item() * len(xb)
    return val_loss / len(val_loader)  # fault
    # fixed: return val_loss / len(val_ds)


def train():
    best, best_epoch = float("inf"), -1
    for epoch in range(12):
        model.train()
        run = 0.0
        for xb, yb in train_loader:
            pred = model(xb)
            loss = loss_fn(pred, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run += loss.item() * len(xb)
        val_loss = validate()  # here
        if val_loss < best:
            best, best_epoch = val_loss, epoch
        print(f"epoch {epoch}: train {run / len(train_ds):.4f} val {val_loss:.4f} (best {best:.4f} at {best_epoch})")
    return run / len(train_ds)


if __name__ == "__main__":
    print(train())
