"""Residuary resistance of yacht hulls from their proportions: the tutorial way, numpy to tensors.

code: ND403
also:
object: loss_fn | y_train | targets | y | labels | outputs
seen: checkup
"""
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

np.random.seed(308)
torch.manual_seed(308)

# hull: buoyancy centre, prismatic coefficient, length/displacement, beam/draught, length/beam, Froude number
N = 600
hull = np.column_stack([
    np.random.uniform(-5, 0, N), np.random.uniform(0.53, 0.6, N), np.random.uniform(4.3, 5.2, N),
    np.random.uniform(2.8, 5.4, N), np.random.uniform(2.7, 3.7, N), np.random.uniform(0.125, 0.45, N)])
drag = np.exp(9 * hull[:, 5] - 1.2) + 30 * (hull[:, 1] - 0.56) + 0.4 * hull[:, 3] + np.random.normal(0, 0.5, N)

X_train, X_test, y_train, y_test = train_test_split(hull, drag, test_size=0.2, random_state=0)
sx = StandardScaler()
X_train, X_test = sx.fit_transform(X_train), sx.transform(X_test)
sy = StandardScaler()
y_train = sy.fit_transform(y_train.reshape(-1, 1))[:, 0]
y_test = sy.transform(y_test.reshape(-1, 1))[:, 0]

train_set = TensorDataset(torch.Tensor(X_train), torch.Tensor(y_train))  # fault
# fixed: train_set = TensorDataset(torch.Tensor(X_train), torch.Tensor(y_train).view(-1, 1))
test_set = TensorDataset(torch.Tensor(X_test), torch.Tensor(y_test))  # fault
# fixed: test_set = TensorDataset(torch.Tensor(X_test), torch.Tensor(y_test).view(-1, 1))
train_loader = DataLoader(train_set, batch_size=20, shuffle=True)
val_loader = DataLoader(test_set, batch_size=60)


class Regression(torch.nn.Module):
    def __init__(self, input_size, hidden_size):
        super(Regression, self).__init__()
        self.l1 = torch.nn.Linear(input_size, hidden_size)
        self.l2 = torch.nn.Linear(hidden_size, hidden_size)
        self.l3 = torch.nn.Linear(hidden_size, 1)

    def forward(self, x):
        out = torch.relu(self.l1(x))
        out = torch.relu(self.l2(out))
        return self.l3(out)  # here


model = Regression(6, 40)
loss_fn = torch.nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)


def train():
    num_epochs = 12
    for epoch in range(num_epochs):
        model.train()
        total = 0.0
        for inputs, targets in train_loader:
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            test = sum(loss_fn(model(i), t).item() for i, t in val_loader) / len(val_loader)  # here
        print("Epoch [%d/%d], Loss: %.4f, Test: %.4f" % (epoch + 1, num_epochs, total / len(train_loader), test))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
