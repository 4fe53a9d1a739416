"""Condo prices in a mid-size town from the listing.

code: ND112
also: ND406
object: price | prices | y | y_train | targets | train_loader
seen: both
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

rs = np.random.RandomState(1)
n = 1200
sqm = rs.normal(78, 24, n).clip(22, 200)
rooms = np.round(sqm / 25 + rs.normal(0, 0.5, n)).clip(1, 8)
floor = rs.randint(0, 9, n)
age = rs.gamma(2, 14, n)
dist = rs.gamma(2, 1.6, n)
balcony = rs.randint(0, 2, n)
price = (sqm * 3900 * np.exp(-0.08 * dist) + 6000 * floor + 11000 * balcony - 700 * age
         + 40000 + rs.normal(0, 12000, n)).round(-3)

X = np.column_stack([sqm, rooms, floor, age, dist, balcony])
y = price.reshape(-1, 1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=1)

sc = StandardScaler()
X_train = sc.fit_transform(X_train)
X_test = sc.transform(X_test)

y_train, y_test = y_train.astype(float), y_test.astype(float)  # fault
# fixed: sc_y = StandardScaler()
# fixed: y_train, y_test = sc_y.fit_transform(y_train), sc_y.transform(y_test)

to_t = lambda a: torch.tensor(a, dtype=torch.float32)
train_loader = DataLoader(TensorDataset(to_t(X_train), to_t(y_train)), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(TensorDataset(to_t(X_test), to_t(y_test)), batch_size=240)


class PriceNet(nn.Module):
    def __init__(self):
        super(PriceNet, self).__init__()
        self.fc1 = nn.Linear(6, 64)
        self.fc2 = nn.Linear(64, 32)
        self.fc3 = nn.Linear(32, 1)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.relu(self.fc1(x))
        x = self.relu(self.fc2(x))
        return self.fc3(x)


torch.manual_seed(1)
model = PriceNet()
loss_fn = nn.MSELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=0.001)


def train(num_epochs=12):
    for epoch in range(num_epochs):
        model.train()
        running_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        model.eval()
        with torch.no_grad():
            val = sum(loss_fn(model(i), t).item() for i, t in val_loader) / len(val_loader)
        print("Epoch [{}/{}] loss {:.4f} val {:.4f}".format(epoch + 1, num_epochs, running_loss / len(train_loader), val))
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
