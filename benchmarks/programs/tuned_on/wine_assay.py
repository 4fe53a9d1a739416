"""Cultivar of a wine from thirteen assays (sklearn's wine).

code: ND106
also: ND102
object: val_ds | val_loader | X_val | scaler
seen: checkup
"""
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(42)
X, y = load_wine(return_X_y=True)
X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, stratify=y, random_state=42)

scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
y_train = torch.LongTensor(y_train)
y_val = torch.LongTensor(y_val)
X_train = torch.FloatTensor(X_train)
X_val = torch.FloatTensor(X_val)  # fault
# fixed: X_val = torch.FloatTensor(scaler.transform(X_val))

train_ds = TensorDataset(X_train, y_train)
val_ds = TensorDataset(X_val, y_val)  # here
train_loader = DataLoader(train_ds, batch_size=16, shuffle=True)
val_loader = DataLoader(val_ds, batch_size=54)  # here


class WineNet(nn.Module):
    def __init__(self, n_features=13, hidden=24, n_classes=3, p=0.2):
        super().__init__()
        self.layer1 = nn.Linear(n_features, hidden)
        self.act = nn.ELU()
        self.drop = nn.Dropout(p)
        self.layer2 = nn.Linear(hidden, n_classes)

    def forward(self, x):
        return self.layer2(self.drop(self.act(self.layer1(x))))


model = WineNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=5e-3)


def train(n_epochs=20):
    history = {"loss": [], "val_loss": [], "val_acc": []}
    for epoch in range(n_epochs):
        model.train()
        running, seen = 0.0, 0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()
            running += loss.item() * inputs.size(0)
            seen += inputs.size(0)
        history["loss"].append(running / seen)

        model.eval()
        with torch.no_grad():
            for inputs, labels in val_loader:  # here
                outputs = model(inputs)
                history["val_loss"].append(loss_fn(outputs, labels).item())
                history["val_acc"].append((outputs.argmax(1) == labels).float().mean().item())
        print("epoch %d loss %.3f val_loss %.3f val_acc %.3f" % (
            epoch, history["loss"][-1], history["val_loss"][-1], history["val_acc"][-1]))
    return history["loss"][-1]


if __name__ == "__main__":
    print(train())
