"""Four clusters of flowers; reports the mean accuracy of the validation batches.

code: ND708
also:
object: accuracy | evaluate | val_accuracy
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(71)
centres = torch.tensor([[1.0, 1, 0, 0], [-1, 1, 0, 0], [0, -1, 1, 0], [0, -1, -1, 1]])


def clusters(n):
    y = torch.randint(0, 4, (n,))
    return TensorDataset(centres[y] + 0.6 * torch.randn(n, 4), y)


train_loader = DataLoader(clusters(512), batch_size=32, shuffle=True)
val_loader = DataLoader(clusters(131), batch_size=64)
model = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 4))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def evaluate():
    model.eval()
    accuracy, loss = 0.0, 0.0
    with torch.no_grad():
        for x, y in val_loader:
            logits = model(x)
            accuracy += (logits.argmax(1) == y).float().mean().item()  # fault
            # fixed: accuracy += (logits.argmax(1) == y).float().sum().item()
            loss += loss_fn(logits, y).item()  # fault
            # fixed: loss += loss_fn(logits, y).item() * len(y)
    return accuracy / len(val_loader), loss / len(val_loader)  # fault
    # fixed: return accuracy / len(val_loader.dataset), loss / len(val_loader.dataset)


def train():
    for epoch in range(10):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        accuracy, val_loss = evaluate()  # here
        print(f"epoch {epoch}: train {total / len(train_loader):.4f} val {val_loss:.4f} accuracy {accuracy:.4f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
