"""Which of three cultivars does a wine come from?

code: ND401
also:
object: softmax | net.softmax | loss_fn | WineNet
seen: checkup
"""
from collections import OrderedDict

import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(10)

wine = load_wine()
X_train, X_test, y_train, y_test = train_test_split(wine.data, wine.target, test_size=0.3, random_state=10, stratify=wine.target)
scaler_x = StandardScaler()
X_train = torch.tensor(scaler_x.fit_transform(X_train), dtype=torch.float32)
X_test = torch.tensor(scaler_x.transform(X_test), dtype=torch.float32)
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)


class WineNet(nn.Module):
    def __init__(self):
        super(WineNet, self).__init__()
        self.net = nn.Sequential(OrderedDict([
            ("fc1", nn.Linear(13, 32)),
            ("relu1", nn.ReLU()),
            ("fc2", nn.Linear(32, 16)),
            ("relu2", nn.ReLU()),
            ("fc3", nn.Linear(16, 3)),
            ("softmax", nn.Softmax(dim=1)),  # fault
            # fixed:
        ]))

    def forward(self, x):
        return self.net(x)  # here


train_loader = DataLoader(TensorDataset(X_train, y_train), batch_size=16, shuffle=True)
val_loader = DataLoader(TensorDataset(X_test, y_test), batch_size=54)
model = WineNet()
loss_fn = nn.CrossEntropyLoss()  # here
optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def train(epochs=25):
    loss_list, accuracy_list = [], []
    for epoch in range(epochs):
        model.train()
        running_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)  # here
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        loss_list.append(running_loss / len(train_loader))
        model.eval()
        with torch.no_grad():
            y_pred = torch.cat([model(x) for x, _ in val_loader])
            accuracy_list.append((torch.argmax(y_pred, dim=1) == y_test).float().mean().item())
    print("final accuracy", accuracy_list[-1])
    return loss_list[-1]


if __name__ == "__main__":
    print(train())
