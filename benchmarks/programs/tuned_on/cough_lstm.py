"""Dry, wet or whooping: coughs as sequences of filter-bank frames.

code: ND301
also: ND303
object: reshape | view | lstm | forward
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import Dataset, DataLoader


class Coughs(Dataset):
    def __init__(self, size, seed, frames=20, bands=10):
        g = torch.Generator().manual_seed(seed)
        self.kind = torch.arange(size) % 3
        t = torch.linspace(0, 1, frames).view(1, -1, 1)
        band = torch.linspace(0, 1, bands).view(1, 1, -1)
        onset = 0.1 + 0.3 * torch.rand(size, 1, 1, generator=g)
        burst = torch.exp(-((t - onset) / 0.1) ** 2)
        late = torch.exp(-((t - onset - 0.35) / 0.12) ** 2)
        k = self.kind.view(-1, 1, 1)
        tail = torch.where(k == 1, late * (1 - band), torch.where(k == 2, late * band, torch.zeros_like(late * band)))
        self.x = (1.5 * burst + 2.0 * tail + 0.8 * torch.randn(size, frames, bands, generator=g) - 0.3)

    def __len__(self):
        return len(self.kind)

    def __getitem__(self, i):
        return {"frames": self.x[i], "kind": self.kind[i]}


class CoughLSTM(nn.Module):
    def __init__(self, bands=10, hidden=32):
        super().__init__()
        self.lstm = nn.LSTM(bands, hidden)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(hidden, 3)

    def forward(self, x):
        b, t, f = x.shape
        x = x.reshape(t, b, f)  # fault
        # fixed: x = x.transpose(0, 1)
        out, _ = self.lstm(x)  # here
        return self.fc(self.drop(out[-1]))


torch.manual_seed(61)
train_loader = DataLoader(Coughs(720, 1), batch_size=36, shuffle=True)
val_loader = DataLoader(Coughs(150, 2), batch_size=50, shuffle=False)
model = CoughLSTM()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["frames"]), batch["kind"])


def train():
    for epoch in range(8):
        model.train()
        train_loss = 0
        for batch in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(batch["frames"]), batch["kind"])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            train_loss += loss.item() / len(train_loader)
        model.eval()
        with torch.no_grad():
            acc = sum((model(b["frames"]).argmax(1) == b["kind"]).sum().item() for b in val_loader) / 150
        print("Epoch", epoch, "loss", round(train_loss, 3), "val acc", round(acc, 3))
    return train_loss


if __name__ == "__main__":
    print(train())
