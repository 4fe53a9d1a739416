"""Port of an old TensorFlow 1 digits script (fully connected, keep_prob and all) to PyTorch.

code: ND608
also: ND704
object: drop | keep_prob | Dropout | drop1 | drop2
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, TensorDataset

# --- hyper-parameters, as in the original ---
learning_rate = 0.001
training_epochs = 10
batch_size = 50
keep_prob = 0.9  # here
n_hidden_1 = 64
n_hidden_2 = 32

torch.manual_seed(777)
X, y = load_digits(return_X_y=True)
X = (X - 4.9) / 6.0
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=777, stratify=y)
train_loader = DataLoader(
    TensorDataset(torch.tensor(X_train, dtype=torch.float32), torch.tensor(y_train)), batch_size=batch_size, shuffle=True
)
val_loader = DataLoader(
    TensorDataset(torch.tensor(X_test, dtype=torch.float32), torch.tensor(y_test)), batch_size=225
)


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.h1 = nn.Linear(64, n_hidden_1)
        self.h2 = nn.Linear(n_hidden_1, n_hidden_2)
        self.out = nn.Linear(n_hidden_2, 10)
        self.drop = nn.Dropout(keep_prob)  # fault
        # fixed: self.drop = nn.Dropout(1 - keep_prob)

    def forward(self, x):
        L1 = self.drop(F.relu(self.h1(x)))  # here
        L2 = self.drop(F.relu(self.h2(L1)))  # here
        return self.out(L2)


model = MLP()
cost = nn.CrossEntropyLoss()
loss_fn = cost
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)


def train():
    for epoch in range(training_epochs):
        model.train()
        avg_cost = 0
        for batch_xs, batch_ys in train_loader:
            c = cost(model(batch_xs), batch_ys)
            optimizer.zero_grad()
            c.backward()
            optimizer.step()
            avg_cost += c.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            acc = sum((model(a).argmax(1) == b).sum().item() for a, b in val_loader) / len(y_test)
        # print("Epoch: %04d cost=%.9f acc=%.4f" % (epoch + 1, avg_cost, acc))
    return avg_cost


if __name__ == "__main__":
    print("Learning finished", train())
