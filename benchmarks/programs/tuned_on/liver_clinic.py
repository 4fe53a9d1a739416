"""Liver patients from blood panels; the CSV codes the diagnosis 1 = patient, 2 = healthy.

code: ND103
also: ND402
object: Dataset | target | targets | y | loss_fn | criterion | train_loader | head
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import Dataset, DataLoader
from sklearn.preprocessing import StandardScaler

SEED = 7
np.random.seed(SEED)
torch.manual_seed(SEED)

COLS = ["age", "tot_bilirubin", "direct_bilirubin", "alkphos", "sgpt", "sgot", "tot_proteins", "albumin", "ag_ratio"]


def read_clinic(n=800):
    sick = np.random.rand(n) < 0.55
    z = np.random.randn(n, len(COLS))
    z[:, 1:6] += 0.9 * sick[:, None]
    z[:, 7:] -= 0.7 * sick[:, None]
    z[:, 2] = 0.8 * z[:, 1] + 0.4 * z[:, 2]
    frame = pd.DataFrame(z * [15, 1, 0.5, 60, 25, 30, 1, 0.8, 0.3] + [45, 3, 1.4, 290, 80, 100, 6.5, 3.1, 0.95], columns=COLS)
    frame["dataset"] = np.where(sick, 1, 2)
    return frame


frame = read_clinic()
split = int(0.8 * len(frame))
scaler = StandardScaler().fit(frame[COLS][:split])


class LiverDataset(Dataset):
    def __init__(self, part):
        self.x = torch.tensor(scaler.transform(part[COLS]), dtype=torch.float32)
        self.y = torch.tensor(part["dataset"].values, dtype=torch.float32).unsqueeze(1)  # fault
        # fixed: self.y = torch.tensor((part["dataset"] == 1).values, dtype=torch.float32).unsqueeze(1)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


train_loader = DataLoader(LiverDataset(frame[:split]), batch_size=32, shuffle=True)  # here
val_loader = DataLoader(LiverDataset(frame[split:]), batch_size=160)

model = nn.Sequential(nn.Linear(len(COLS), 24), nn.ReLU(), nn.Dropout(0.2), nn.Linear(24, 1))
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    history = []
    for epoch in range(12):
        model.train()
        epoch_loss = []
        for x, y in train_loader:
            out = model(x)
            loss = loss_fn(out, y)  # here
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            epoch_loss.append(loss.item())
        model.eval()
        with torch.no_grad():
            right = sum(((model(x) > 0).float() == y).sum().item() for x, y in val_loader)
        history.append(np.mean(epoch_loss))
        print(f"[{epoch:02d}] loss={history[-1]:.4f} acc={right / len(val_loader.dataset):.3f}")
    return float(history[-1])


if __name__ == "__main__":
    print(train())
