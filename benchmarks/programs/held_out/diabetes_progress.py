"""Disease progression after one year (sklearn's diabetes), standardised target.

code: ND305
also:
object: ReLU | layers | model.layers.5 | layers.5 | out
seen: checkup
"""
import numpy as np
import torch
from torch import nn
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

np.random.seed(0)
torch.manual_seed(0)
features, progression = load_diabetes(return_X_y=True)
order = np.random.permutation(len(features))
tr, va = order[:350], order[350:]
sx = StandardScaler().fit(features[tr])
sy = StandardScaler().fit(progression[tr, None])
prepare = lambda idx: torch.utils.data.TensorDataset(
    torch.from_numpy(sx.transform(features[idx])).float(), torch.from_numpy(sy.transform(progression[idx, None])).float())
train_loader = torch.utils.data.DataLoader(prepare(tr), batch_size=35, shuffle=True)
val_loader = torch.utils.data.DataLoader(prepare(va), batch_size=92)


class Regressor(nn.Module):
    def __init__(self, sizes=(10, 24, 12, 1)):
        super().__init__()
        layers = []
        for a, b in zip(sizes[:-1], sizes[1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]  # here
        self.layers = nn.Sequential(*layers)  # fault
        # fixed: self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.layers(x)  # here


model = Regressor()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, weight_decay=1e-3)


def train():
    for epoch in range(20):
        model.train()
        batch_losses = []
        for xb, yb in train_loader:
            pred = model(xb)
            loss = loss_fn(pred, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(xb), yb).item() for xb, yb in val_loader])
        if epoch % 5 == 0:
            print(f"Epoch {epoch}: train {np.mean(batch_losses):.3f}, val {val:.3f}")
    return float(np.mean(batch_losses))


if __name__ == "__main__":
    print(train())
