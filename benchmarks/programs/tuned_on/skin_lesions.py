"""Four kinds of skin lesion with very different frequencies, from colour and border descriptors.

code: ND107
also:
object: loss_fn.weight | loss_fn | weights | class_weights
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(30)
rs = np.random.RandomState(30)

counts = np.array([1200, 300, 120, 60])
means = rs.normal(0, 0.8, (4, 16))


def collect(counts):
    kind = np.repeat(np.arange(4), counts)
    descriptors = means[kind] + rs.normal(0, 1, (len(kind), 16))
    return descriptors.astype("float32"), kind


x_train, y_train = collect(counts)
x_val, y_val = collect(counts // 4)
mu, sigma = x_train.mean(0), x_train.std(0)
train_loader = DataLoader(TensorDataset(torch.from_numpy((x_train - mu) / sigma), torch.from_numpy(y_train)),
                          batch_size=60, shuffle=True)
val_loader = DataLoader(TensorDataset(torch.from_numpy((x_val - mu) / sigma), torch.from_numpy(y_val)), batch_size=105)

frequency = np.bincount(y_train, minlength=4) / len(y_train)
class_weights = torch.tensor(frequency * 4, dtype=torch.float32)  # fault
# fixed: class_weights = torch.tensor(1 / (frequency * 4), dtype=torch.float32)


class LesionNet(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList([torch.nn.Linear(16, 48), torch.nn.Linear(48, 48), torch.nn.Linear(48, 4)])

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x))
        return self.layers[-1](x)


model = LesionNet()
loss_fn = torch.nn.CrossEntropyLoss(weight=class_weights)  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def balanced_accuracy():
    model.eval()
    with torch.no_grad():
        guess = torch.cat([model(x).argmax(1) for x, _ in val_loader]).numpy()
    return np.mean([(guess[y_val == c] == c).mean() for c in range(4)])


def train():
    for epoch in range(6):
        model.train()
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, np.mean(losses), balanced_accuracy())
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
