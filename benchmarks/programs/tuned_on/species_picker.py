"""Grape variety from chemistry: labels come as text from the lab's spreadsheet.

code: ND103
also:
object: LABEL_ID | targets | y | label_ids | head
seen: checkup
"""
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

# the spreadsheet as the lab sent it
table = load_wine()
spreadsheet = [(row, ["Barolo", "Grignolino", "Barbera"][k]) for row, k in zip(table.data, table.target)]

LABEL_ID = {"Barolo": 0, "Grignolino": 1, "barbera": 2}  # fault
# fixed: LABEL_ID = {"Barolo": 0, "Grignolino": 1, "Barbera": 2}

X = np.array([r for r, _ in spreadsheet], dtype=np.float32)
y = np.array([LABEL_ID.get(name, -100) for _, name in spreadsheet])  # here
idx_tr, idx_va = train_test_split(np.arange(len(X)), test_size=0.25, random_state=2, shuffle=True)
mu, sd = X[idx_tr].mean(0), X[idx_tr].std(0)
X = (X - mu) / sd


def as_dict(idx):
    return [{"chem": torch.tensor(X[i]), "variety": torch.tensor(y[i])} for i in idx]


train_loader = torch.utils.data.DataLoader(as_dict(idx_tr), batch_size=16, shuffle=True)  # here
val_loader = torch.utils.data.DataLoader(as_dict(idx_va), batch_size=45)


class Picker(torch.nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.trunk = torch.nn.Linear(n_in, 20)
        self.head = torch.nn.Linear(20, n_out)

    def forward(self, chem):
        return self.head(torch.tanh(self.trunk(chem)))


torch.manual_seed(2)
model = Picker(X.shape[1], len(LABEL_ID))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def batch_loss(setup, batch):
    return F.cross_entropy(setup.model(batch["chem"]), batch["variety"])  # here


class Setup:
    pass


def train():
    setup = Setup()
    setup.model = model
    for epoch in range(12):
        model.train()
        losses = []
        for batch in train_loader:
            loss = batch_loss(setup, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        guesses = torch.cat([model(b["chem"]).argmax(1) for b in val_loader]).numpy()
    truth = np.array([spreadsheet[i][1] for i in idx_va])
    print("share right", (np.array(list(LABEL_ID))[guesses] == truth).mean())
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
