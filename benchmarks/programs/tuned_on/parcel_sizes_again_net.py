"""Size class of a parcel from scale and camera, trained on log-probabilities.

code: ND304
also: ND301 | ND402
object: LogSoftmax | dim | log_softmax | model
seen: both
"""
import torch
from sklearn.datasets import make_blobs
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)
CLASSES = ["letter", "small", "medium", "large"]
x, y = make_blobs(1200, n_features=5, centers=12, cluster_std=1.2, random_state=30)
x, y = torch.tensor(x).float(), torch.tensor(y) % len(CLASSES)
x = (x - x.mean(0)) / x.std(0)
train_loader = DataLoader(TensorDataset(x[:900], y[:900]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[900:], y[900:]), batch_size=1)  # one parcel at a time, as at the counter

model = nn.Sequential(
    nn.Linear(5, 48),
    nn.ReLU(),
    nn.Linear(48, 48),
    nn.ReLU(),
    nn.Linear(48, len(CLASSES)),
    nn.LogSoftmax(dim=0),  # fault
    # fixed: nn.LogSoftmax(dim=1),
)
loss_fn = nn.NLLLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(12):
        model.train()
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
    model.eval()
    nll = right = 0
    with torch.no_grad():
        for a, b in val_loader:
            out = model(a)
            nll += loss_fn(out, b).item() * len(b)
            right += (out.argmax(1) == b).sum().item()
    print("val accuracy %.3f nll %.3f" % (right / 300, nll / 300))


if __name__ == "__main__":
    train()
