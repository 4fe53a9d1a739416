"""Activity from wrist accelerometer windows (walk, run, stairs, sit) with nn.TransformerEncoder.

code: ND301
also:
object: encoder | encoder_layer | TransformerEncoderLayer | model.encoder
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

np.random.seed(2)
torch.manual_seed(2)
ACTIVITIES = ["sit", "walk", "stairs", "run"]
WINDOW, CHANNELS = 40, 3


def record(label):
    t = np.arange(WINDOW) / 20.0
    freq = [0.2, 1.7, 1.3, 2.8][label] + np.random.normal(0, 0.15)
    amp = [0.1, 0.8, 0.9, 1.5][label] * np.random.uniform(0.6, 1.3)
    phase = np.random.uniform(0, 2 * np.pi)
    base = amp * np.sin(2 * np.pi * freq * t + phase)
    return np.stack([base, 0.5 * amp * np.cos(4 * np.pi * freq * t + phase), 0.4 * base * (label == 2)], 1) + \
        np.random.normal(0, 0.45, (WINDOW, CHANNELS))


def make_split(n):
    y = np.random.randint(0, 4, n)
    x = np.stack([record(k) for k in y])
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y)


x_train, y_train = make_split(384)
x_val, y_val = make_split(128)
m, s = x_train.mean((0, 1)), x_train.std((0, 1))
train_loader = DataLoader(TensorDataset((x_train - m) / s, y_train), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset((x_val - m) / s, y_val), batch_size=32)


class ActivityTransformer(nn.Module):
    def __init__(self, d_model=32, nhead=4, num_layers=2):
        super().__init__()
        self.input_proj = nn.Linear(CHANNELS, d_model)
        self.pos_embedding = nn.Parameter(torch.randn(1, WINDOW, d_model) * 0.1)
        encoder_layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1)  # fault
        # fixed: encoder_layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(encoder_layer, num_layers)  # here
        self.classifier = nn.Linear(d_model, len(ACTIVITIES))

    def forward(self, x):                      # (batch, window, channels)
        h = self.input_proj(x) + self.pos_embedding
        h = self.encoder(h)  # here
        return self.classifier(h.mean(dim=1))


model = ActivityTransformer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def evaluate():
    model.eval()
    correct = 0
    with torch.no_grad():
        for xb, yb in val_loader:
            correct += (model(xb).argmax(-1) == yb).sum().item()
    return correct / len(y_val)


def train(epochs=4):
    for epoch in range(epochs):
        model.train()
        epoch_loss = 0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item()
        print(f"Epoch {epoch + 1}/{epochs} - loss: {epoch_loss / len(train_loader):.4f} - val_acc: {evaluate():.4f}")
    return epoch_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
