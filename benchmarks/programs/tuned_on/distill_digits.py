"""Distils a wide digit classifier into a small one with soft targets.

code: ND402
also: ND401
object: kl | soft | batch_loss | student
seen: checkup
"""
import torch
from torch import nn
from torch.nn import functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

torch.manual_seed(0)
X, y = load_digits(return_X_y=True)
X = ((X - 4.9) / 6.0).astype("float32")
Xtr, Xva, ytr, yva = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
as_set = lambda a, b: torch.utils.data.TensorDataset(torch.from_numpy(a), torch.from_numpy(b))
train_loader = torch.utils.data.DataLoader(as_set(Xtr, ytr), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(as_set(Xva, yva), batch_size=150)


def fit_teacher():
    """Closed-form ridge on random features: good enough, and instant."""
    W = torch.randn(64, 400) / 8
    H = torch.cat([torch.relu(torch.from_numpy(Xtr) @ W), torch.ones(len(Xtr), 1)], 1)
    B = torch.linalg.solve(H.T @ H + 5 * torch.eye(401), H.T @ F.one_hot(torch.from_numpy(ytr), 10).float())
    net = nn.Sequential(nn.Linear(64, 400, bias=False), nn.ReLU(), nn.Linear(400, 10))
    with torch.no_grad():
        net[0].weight.copy_(W.T)
        net[2].weight.copy_(8 * B[:-1].T)
        net[2].bias.copy_(8 * B[-1])
    return net.eval().requires_grad_(False)


teacher = fit_teacher()
model = student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
optimizer = torch.optim.Adam(student.parameters(), lr=3e-3)
kl = nn.KLDivLoss(reduction="batchmean")
T = 2.0


def batch_loss(setup, batch):
    x, _ = batch
    with torch.no_grad():
        target = F.softmax(teacher(x) / T, dim=1)
    soft = F.softmax(setup.model(x) / T, dim=1)  # fault
    # fixed: soft = F.log_softmax(setup.model(x) / T, dim=1)
    return T * T * kl(soft, target)  # here


class Setup:
    def __init__(self, model):
        self.model = model


def train():
    setup = Setup(student)
    for epoch in range(10):
        student.train()
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(setup, batch)
            loss.backward()
            optimizer.step()
        student.eval()
        with torch.no_grad():
            acc = torch.cat([student(a).argmax(1) == b for a, b in val_loader]).float().mean().item()
        print(f"{epoch:2d} kd {loss.item():+.4f} acc {acc:.3f}")
    return loss.item()


if __name__ == "__main__":
    print(train())
