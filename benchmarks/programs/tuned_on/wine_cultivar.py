"""Cultivar (0, 1, 2) of Italian wines by their chemistry.

code: ND404
also:
object: MSELoss | loss_fn | out | head
seen: checkup
"""
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(170)
chem, cultivar = load_wine(return_X_y=True)
cultivar = [[1, 0, 2][c] for c in cultivar]     # order of the producers' list
a, b, ya, yb = train_test_split(chem, cultivar, test_size=0.25, random_state=3, stratify=cultivar)
scale = StandardScaler().fit(a)
tensors = lambda x, y: torch.utils.data.TensorDataset(torch.tensor(scale.transform(x)).float(), torch.tensor(y))
train_loader = torch.utils.data.DataLoader(tensors(a, ya), batch_size=19, shuffle=True)
val_loader = torch.utils.data.DataLoader(tensors(b, yb), batch_size=45)


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Dropout(0.1))
        self.out = nn.Linear(16, 1)  # fault
        # fixed: self.out = nn.Linear(16, 3)

    def forward(self, x):
        return self.out(self.body(x)).squeeze(-1)  # here


model = WineNet()
loss_fn = lambda out, y: nn.MSELoss()(out, y.float())  # fault
# fixed: loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, weight_decay=1e-3)


def classes(out):
    return out.round().clamp(0, 2).long()  # fault
    # fixed: return out.argmax(1)


def train():
    for epoch in range(12):
        model.train()
        t = 0.0
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            t += loss.item()
        model.eval()
        with torch.no_grad():
            acc = torch.cat([classes(model(x)) == y for x, y in val_loader]).float().mean().item()
        print(f"{epoch} {t / len(train_loader):.4f} acc {acc:.3f}")
    return t / len(train_loader)


if __name__ == "__main__":
    print(train())
