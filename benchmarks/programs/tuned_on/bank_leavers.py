"""Bank customers who close their account (churn modelling table).

code: ND102
also:
object: Balance | EstimatedSalary | CreditScore | train_loader | X_train | BankData
seen: checkup
"""
import numpy as np
import torch
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn, optim
from torch.utils.data import Dataset, DataLoader

rng = np.random.default_rng(7)
N = 1200
columns = ["CreditScore", "Age", "Tenure", "Balance", "NumOfProducts", "HasCrCard", "IsActiveMember", "EstimatedSalary"]
credit = rng.normal(650, 95, N).clip(350, 850)
age = rng.gamma(14, 2.8, N).clip(18, 90)
tenure = rng.integers(0, 11, N)
balance = np.where(rng.random(N) < 0.36, 0, rng.normal(120000, 30000, N))
products = rng.choice([1, 2, 3], N, p=[0.5, 0.45, 0.05])
card = rng.random(N) < 0.7
active = rng.random(N) < 0.5
salary = rng.uniform(1000, 200000, N)
z = 0.11 * (age - 39) - 1.4 * active + 1.2 * (products != 2) + 8e-6 * balance - 0.9
exited = rng.random(N) < 1 / (1 + np.exp(-1.5 * z))
X = np.stack([credit, age, tenure, balance, products, card, active, salary], 1).astype(np.float32)
y = exited.astype(np.int64)

X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)  # fault
# fixed: X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
# fixed: sc = StandardScaler()
# fixed: X_train, X_test = sc.fit_transform(X_train), sc.transform(X_test)


class BankData(Dataset):
    def __init__(self, X, y):
        self.X, self.y = torch.from_numpy(X), torch.from_numpy(y)  # here

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


train_loader = DataLoader(BankData(X_train, y_train), batch_size=50, shuffle=True)  # here
val_loader = DataLoader(BankData(X_test, y_test), batch_size=100)

torch.manual_seed(0)
model = nn.Sequential(
    nn.Linear(len(columns), 24), nn.ReLU(),
    nn.Linear(24, 12), nn.ReLU(),
    nn.Linear(12, 2),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.003)


def evaluate():
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, t in val_loader:
            right += (model(x).argmax(1) == t).sum().item()
            total += len(t)
    return right / total


def train():
    for epoch in range(15):
        model.train()
        losses = []
        for x, t in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), t)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        acc = evaluate()
        if __name__ == "__main__":
            print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}  acc {acc:.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
