"""Activity recognition from a wearable's accelerometer windows with an LSTM.

code: ND301
also:
object: lstm
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(8)
rng = np.random.RandomState(8)
ACTIVITIES = ("walk", "run", "stairs", "stand")
WINDOW, AXES = 32, 3


def window(act):
    t = np.arange(WINDOW) / 16.0
    freq, amp = [(1.0, 0.8), (2.4, 1.4), (1.6, 0.6), (0.3, 0.1)][act]
    phase = rng.rand(AXES) * 0.8
    sig = [amp * np.sin(2 * np.pi * freq * t + p + i * 0.7) for i, p in enumerate(phase)]
    return np.stack(sig, 1) + rng.randn(WINDOW, AXES) * 0.25


labels = rng.randint(0, 4, 640)
windows = np.stack([window(a) for a in labels]).astype("float32")
n_train = 512
mean, std = windows[:n_train].mean((0, 1)), windows[:n_train].std((0, 1))
windows = torch.from_numpy((windows - mean) / std)
labels = torch.from_numpy(labels).long()

train_loader = DataLoader(TensorDataset(windows[:n_train], labels[:n_train]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(windows[n_train:], labels[n_train:]), batch_size=32)


class ActivityLSTM(nn.Module):
    def __init__(self, input_size=AXES, hidden_size=32, num_layers=1, num_classes=4):
        super().__init__()
        self.hidden_size = hidden_size
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers)  # fault
        # fixed: self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, num_classes)

    def forward(self, x):
        # x: (batch, seq_len, input_size)
        out, _ = self.lstm(x)  # here
        return self.fc(out[:, -1, :])  # here


model = ActivityLSTM()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train(num_epochs=6):
    for epoch in range(num_epochs):
        model.train()
        total_loss = 0
        for x, y in train_loader:
            outputs = model(x)
            loss = loss_fn(outputs, y)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total_loss += loss.item()
        model.eval()
        with torch.no_grad():
            acc = np.mean([(model(x).argmax(1) == y).float().mean().item() for x, y in val_loader])
        print(f"Epoch [{epoch + 1}/{num_epochs}], Loss: {total_loss / len(train_loader):.4f}, Val acc: {acc:.3f}")
    return total_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
