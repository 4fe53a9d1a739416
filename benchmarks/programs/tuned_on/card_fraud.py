"""Card fraud with copies of the rare class, MLP on standardised columns.

code: ND105
also:
object: val_loader | held | frame | X_val
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import train_test_split
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(77)
torch.manual_seed(77)


def upsample(frame):
    rare = frame[frame.fraud == 1]
    return pd.concat([frame] + [rare] * 3, ignore_index=True)


amount = rng.normal(3.5, 1.0, 2500)
frame = pd.DataFrame({f"v{i}": rng.normal(size=2500) for i in range(8)}).assign(log_amount=amount)
score = 1.2 * frame.v0 + frame.v1 - 0.8 * frame.v2 * frame.v3 + 0.8 * (frame.log_amount - 3.5) + rng.normal(0, 0.4, 2500)
frame["fraud"] = (score > np.quantile(score, 0.8)).astype(int)

frame = upsample(frame)  # fault
# fixed:
fit, held = train_test_split(frame, test_size=0.25, stratify=frame.fraud, random_state=3)  # fault
# fixed: fit, held = train_test_split(frame, test_size=0.25, stratify=frame.fraud, random_state=3)
# fixed: fit = upsample(fit)
features = [c for c in frame if c != "fraud"]
mean, std = fit[features].mean(), fit[features].std()


def dataset(part):
    x = ((part[features] - mean) / std).to_numpy(np.float32)
    return TensorDataset(torch.from_numpy(x), torch.tensor(part["fraud"].tolist()))


train_loader = DataLoader(dataset(fit), batch_size=64, shuffle=True)  # here
val_loader = DataLoader(dataset(held), batch_size=256)  # here

model = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)


def recall():
    model.eval()
    found = total = 0
    with torch.no_grad():
        for x, y in val_loader:
            found += ((model(x).argmax(1) == 1) & (y == 1)).sum().item()
            total += (y == 1).sum().item()
    return found / total


def train():
    for epoch in range(8):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch}: loss {np.mean(losses):.3f}, recall {recall():.3f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    train()
