"""Wine cultivars from thirteen measurements; ten-fold ensembles were too slow, so one well regularised net.

code: ND607
also:
object: optimizer | weight_decay | params
seen: both
"""
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

CONFIG = {
    "hidden": 24,
    "optim": {"lr": 0.01, "weight_decay": 1.0},  # fault
    # fixed: "optim": {"lr": 0.01, "weight_decay": 1e-3},
    "epochs": 40,
    "batch": 16,
}

wine = load_wine()
a, b, ya, yb = train_test_split(wine.data, wine.target, test_size=0.3, stratify=wine.target, random_state=4)
scale = StandardScaler().fit(a)
as_set = lambda m, t: torch.utils.data.TensorDataset(torch.tensor(scale.transform(m), dtype=torch.float32), torch.tensor(t))
train_loader = torch.utils.data.DataLoader(as_set(a, ya), batch_size=CONFIG["batch"], shuffle=True)
val_loader = torch.utils.data.DataLoader(as_set(b, yb), batch_size=54)

torch.manual_seed(4)
model = nn.Sequential(nn.Linear(13, CONFIG["hidden"]), nn.Mish(), nn.Linear(CONFIG["hidden"], 3))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), **CONFIG["optim"])  # here


def train():
    for epoch in range(CONFIG["epochs"]):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if epoch % 10 == 9:
            model.eval()
            with torch.no_grad():
                print(epoch, sum(losses) / len(losses), [(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader])
    return sum(losses) / len(losses)


if __name__ == "__main__":
    train()
