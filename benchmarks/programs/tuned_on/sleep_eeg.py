"""Sleep stages from a night's short EEG windows with an LSTM.

code: ND301
also:
object: lstm | encoder.lstm | encoder
seen: both
"""
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import Dataset, DataLoader


class SleepData(Dataset):
    def __init__(self, n, seed):
        torch.manual_seed(seed)
        self.stage = torch.randint(0, 4, (n,))
        t = torch.arange(25) / 25
        hz = torch.tensor([1.0, 2.5, 5.0, 8.0])[self.stage].unsqueeze(1)
        sig = torch.sin(2 * torch.pi * (hz * t + torch.rand(n, 1)))
        emg = torch.randn(n, 25) * (0.3 + 0.3 * (self.stage == 3)).unsqueeze(1)
        self.x = torch.stack([sig + 0.1 * torch.randn(n, 25), emg, sig.diff(dim=1, prepend=sig[:, :1]) * 2], dim=2)

    def __len__(self):
        return self.x.size(0)

    def __getitem__(self, idx):
        return self.x[idx], self.stage[idx]


class Encoder(nn.Module):
    def __init__(self, inp, hid, layers=1):
        super().__init__()
        self.lstm = nn.LSTM(inp, hid, layers)  # fault
        # fixed: self.lstm = nn.LSTM(inp, hid, layers, batch_first=True)

    def forward(self, x):
        seq, (h, c) = self.lstm(x)  # here
        return seq.mean(dim=1)


class Stager(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder(3, 32)
        self.fc = nn.Linear(32, 4)

    def forward(self, x):
        """x: (batch, time, channel)"""
        return self.fc(self.encoder(x))


train_loader = DataLoader(SleepData(480, 0), batch_size=32, shuffle=True)
val_loader = DataLoader(SleepData(96, 1), batch_size=32)
torch.manual_seed(2)
model = Stager()
loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(7):
        model.train()
        running_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            outputs = model(inputs)
            loss = loss_fn(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for inputs, labels in val_loader:
                correct += (model(inputs).argmax(1) == labels).sum().item()
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
