"""Left or right imagined hand from EEG trials: frames of 8 channels into a transformer encoder.

code: ND301
also:
object: encoder | encoder.layers.0 | encoder.layers.0.self_attn | TransformerEncoderLayer | layer
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(31)


def simulate(n, frames=24, channels=8):
    y = torch.randint(0, 2, (n,))
    t = torch.arange(frames).float()
    amp = torch.ones(n, channels)
    amp[y == 0, 1:3] *= 0.35      # mu rhythm fades over one side
    amp[y == 1, 5:7] *= 0.35
    phase = 6.28 * torch.rand(n, 1, 1)
    x = amp[:, None, :] * torch.sin(1.3 * t[None, :, None] + phase) + 0.6 * torch.randn(n, frames, channels)
    return x, y


X, y = simulate(900)
mu, sd = X[:700].mean((0, 1)), X[:700].std((0, 1))
X = (X - mu) / sd
train_loader = DataLoader(TensorDataset(X[:700], y[:700]), batch_size=28, shuffle=True)
val_loader = DataLoader(TensorDataset(X[700:], y[700:]), batch_size=40)


class EEGFormer(nn.Module):
    def __init__(self, channels=8, d_model=32, nhead=4, frames=24, classes=2):
        super().__init__()
        self.input = nn.Linear(channels, d_model)
        self.pos = nn.Parameter(0.02 * torch.randn(1, frames, d_model))
        layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1)  # fault
        # fixed: layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False)  # here
        self.cls = nn.Linear(d_model, classes)

    def forward(self, x):            # (batch, frames, channels)
        x = self.input(x) + self.pos
        x = self.encoder(x)  # here
        return self.cls(x.mean(dim=1))


model = EEGFormer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)


def run_epoch(loader, learn):
    model.train(learn)
    loss_sum = correct = n = 0
    with torch.set_grad_enabled(learn):
        for x, target in loader:
            logits = model(x)
            loss = loss_fn(logits, target)
            if learn:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            loss_sum += loss.item() * len(x)
            correct += (logits.argmax(-1) == target).sum().item()
            n += len(x)
    return loss_sum / n, correct / n


def train():
    for epoch in range(5):
        tr = run_epoch(train_loader, True)
        va = run_epoch(val_loader, False)
        scheduler.step()
        print("%d  train %.4f/%.3f  val %.4f/%.3f" % (epoch, *tr, *va))
    return tr[0]


if __name__ == "__main__":
    print(train())
