"""Wine cultivars; translated from an old TensorFlow 1 notebook.

code: ND608
also:
object: drop1 | drop2 | KEEP_PROB | Dropout
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(3)
LEARNING_RATE = 0.003
BATCH_SIZE = 16
KEEP_PROB = 0.9  # here
N_HIDDEN = 32

X, y = load_wine(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.3, stratify=y, random_state=3)
sc = StandardScaler().fit(X_tr)
train_data = TensorDataset(torch.FloatTensor(sc.transform(X_tr)), torch.LongTensor(y_tr))
test_data = TensorDataset(torch.FloatTensor(sc.transform(X_te)), torch.LongTensor(y_te))
train_loader = DataLoader(train_data, batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(test_data, batch_size=len(test_data))


class MultilayerPerceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.h1 = nn.Linear(13, N_HIDDEN)
        self.drop1 = nn.Dropout(KEEP_PROB)  # fault
        # fixed: self.drop1 = nn.Dropout(1 - KEEP_PROB)
        self.h2 = nn.Linear(N_HIDDEN, N_HIDDEN)
        self.drop2 = nn.Dropout(KEEP_PROB)  # fault
        # fixed: self.drop2 = nn.Dropout(1 - KEEP_PROB)
        self.out = nn.Linear(N_HIDDEN, 3)

    def forward(self, x):
        layer_1 = self.drop1(F.relu(self.h1(x)))  # here
        layer_2 = self.drop2(F.relu(self.h2(layer_1)))  # here
        return self.out(layer_2)


model = MultilayerPerceptron()
cost = nn.CrossEntropyLoss()
loss_fn = cost
optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)


def train(training_epochs=30, display_step=10):
    for epoch in range(training_epochs):
        model.train()
        avg_cost = 0.0
        for batch_x, batch_y in train_loader:
            optimizer.zero_grad()
            c = cost(model(batch_x), batch_y)
            c.backward()
            optimizer.step()
            avg_cost += c.item() * len(batch_y) / len(train_data)
        if epoch % display_step == display_step - 1:
            model.eval()
            with torch.no_grad():
                bx, by = next(iter(val_loader))
                acc = (model(bx).argmax(1) == by).float().mean().item()
            print("Epoch: %04d cost=%.6f accuracy=%.3f" % (epoch + 1, avg_cost, acc))
    return avg_cost


if __name__ == "__main__":
    print(train())
