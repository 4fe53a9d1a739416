"""Benign or malignant from the Wisconsin biopsies.

code: ND305
also: ND304
object: Softmax | activation | act | net.act
seen: checkup
"""
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

torch.manual_seed(123)
data = load_breast_cancer()
x_tr, x_va, y_tr, y_va = train_test_split(data.data, data.target, test_size=0.2, random_state=123, stratify=data.target)
scaler_x = StandardScaler().fit(x_tr)


class BiopsyDataset(torch.utils.data.Dataset):
    def __init__(self, x, y):
        self.x = torch.FloatTensor(scaler_x.transform(x))
        self.y = torch.FloatTensor(y).unsqueeze(1)

    def __getitem__(self, index):
        return self.x[index], self.y[index]

    def __len__(self):
        return len(self.x)


class BinaryClassification(nn.Module):
    def __init__(self):
        super(BinaryClassification, self).__init__()
        self.layer_1 = nn.Linear(30, 32)
        self.layer_2 = nn.Linear(32, 16)
        self.layer_out = nn.Linear(16, 1)
        self.relu = nn.ReLU()
        self.dropout = nn.Dropout(p=0.1)
        self.act = nn.Softmax(dim=1)  # fault
        # fixed: self.act = nn.Sigmoid()

    def forward(self, inputs):
        x = self.relu(self.layer_1(inputs))
        x = self.relu(self.layer_2(x))
        x = self.dropout(x)
        return self.act(self.layer_out(x))  # here


train_loader = torch.utils.data.DataLoader(BiopsyDataset(x_tr, y_tr), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(BiopsyDataset(x_va, y_va), batch_size=32)
model = BinaryClassification()
loss_fn = nn.BCELoss()  # here
optimizer = optim.Adam(model.parameters(), lr=0.001)


def binary_acc(y_pred, y_test):
    return (torch.round(y_pred) == y_test).sum().float() / y_test.shape[0] * 100


def train():
    for e in range(1, 11):
        epoch_loss, seen = 0, 0
        model.train()
        for x_batch, y_batch in train_loader:
            optimizer.zero_grad()
            y_pred = model(x_batch)
            loss = loss_fn(y_pred, y_batch)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(x_batch)
            seen += len(x_batch)
        model.eval()
        with torch.no_grad():
            preds = torch.cat([model(x) for x, _ in val_loader])
        acc = binary_acc(preds, val_loader.dataset.y)
        print(f"Epoch {e:02}: | Loss: {epoch_loss / seen:.5f} | Val acc: {acc:.1f}")
    return epoch_loss / seen


if __name__ == "__main__":
    print(train())
