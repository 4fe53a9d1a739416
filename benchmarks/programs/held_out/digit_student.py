"""Distils a wide random-feature teacher (head solved by least squares) into a small student on sklearn's digits.

code: none
trait: the teacher inside the model is frozen, in eval mode and without gradients; the loss cannot reach 0
"""
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15)
X, y = load_digits(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.2, random_state=15, stratify=y)
X_train, X_val = [(torch.tensor(a).float() - 4.9) / 6.0 for a in (X_train, X_val)]
y_train, y_val = torch.tensor(y_train), torch.tensor(y_val)
train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(X_val, y_val), batch_size=120)


class Distillation(nn.Module):
    def __init__(self):
        super().__init__()
        self.teacher = nn.Sequential(nn.Linear(64, 400), nn.ReLU(), nn.Linear(400, 10))
        self.student = nn.Sequential(nn.Linear(64, 24), nn.ReLU(), nn.Linear(24, 10))
        self.teacher.requires_grad_(False)

    def train(self, mode=True):
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, x):
        return self.student(x)


def solve_teacher(teacher):
    with torch.no_grad():
        features = teacher[:2](X_train)
        goal = F.one_hot(y_train, 10).float() * 6 - 0.6
        gram = features.T @ features + 1.0 * torch.eye(400)
        teacher[2].weight.copy_(torch.linalg.solve(gram, features.T @ goal).T)
        teacher[2].bias.zero_()


model = Distillation()
solve_teacher(model.teacher)
optimizer = torch.optim.Adam(model.student.parameters(), lr=3e-3)
HEAT = 2.0


def distil(net, x, y):
    with torch.no_grad():
        soft = F.softmax(net.teacher(x) / HEAT, -1)
    logits = net(x)
    kl = F.kl_div(F.log_softmax(logits / HEAT, -1), soft, reduction="batchmean") * HEAT ** 2
    return 0.5 * kl + 0.5 * F.cross_entropy(logits, y)


def batch_loss(setup, batch):
    return distil(setup.model, *batch)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = distil(model, x, y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in val_loader)
        print(epoch, total / len(y_train), hits / len(y_val))
    return total / len(y_train)


if __name__ == "__main__":
    print(train())
