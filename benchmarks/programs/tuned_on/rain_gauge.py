"""Rain of the next day from two days of six station readings.

code: ND602
also:
object: optimizer | optimizer.step | train
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(50)
readings = torch.randn(500, 12)
rain = 0.6 * readings[:, 0] + 0.4 * readings[:, 6] - 0.5 * torch.relu(readings[:, 3]) + 0.1 * torch.randn(500)
rain = ((rain - rain[:400].mean()) / rain[:400].std()).unsqueeze(1)

train_loader = DataLoader(TensorDataset(readings[:400], rain[:400]), batch_size=20, shuffle=True)
val_loader = DataLoader(TensorDataset(readings[400:], rain[400:]), batch_size=100)

model = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)


def train():
    for epoch in range(10):
        model.train()
        train_loss = 0.0
        for inputs, targets in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, targets)
            loss.backward()  # fault
            # fixed: loss.backward()
            # fixed: optimizer.step()
            train_loss += loss.item()
        train_loss /= len(train_loader)
        model.eval()
        val_loss = 0.0
        with torch.no_grad():
            for inputs, targets in val_loader:
                val_loss += loss_fn(model(inputs), targets).item()
        print("Epoch {}: train {:.4f} val {:.4f}".format(epoch + 1, train_loss, val_loss / len(val_loader)))
    return train_loss


if __name__ == "__main__":
    print(train())
