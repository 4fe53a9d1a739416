"""Sign-language gestures from a sensor glove: 20 frames of 10 finger angles, small Transformer encoder.

code: ND301
also:
object: encoder | encoder_layer | encoder.layers.0 | encoder.layers.0.self_attn | GestureNet
seen: checkup
"""
import math

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
FRAMES, FINGERS, SIGNS = 20, 10, 6
proto = torch.randn(SIGNS, 3, FINGERS)            # three key poses per sign


def wear_glove(n):
    y = torch.randint(SIGNS, (n,))
    t = torch.linspace(0, 2, FRAMES)
    k = t.long().clamp(max=1)
    w = (t - k).view(1, FRAMES, 1)
    poses = proto[y]
    x = poses[:, k] * (1 - w) + poses[:, k + 1] * w
    return TensorDataset(x + 0.6 * torch.randn(n, FRAMES, FINGERS), y)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=64):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2] = torch.sin(pos * div)
        pe[:, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):                         # (batch, time, d_model)
        return x + self.pe[:x.size(1)]


class GestureNet(nn.Module):
    def __init__(self, d_model=32, nhead=4, num_layers=2):
        super().__init__()
        self.embed = nn.Linear(FINGERS, d_model)
        self.pos_encoder = PositionalEncoding(d_model)
        encoder_layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1)  # fault
        # fixed: encoder_layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(encoder_layer, num_layers)  # here
        self.decoder = nn.Linear(d_model, SIGNS)

    def forward(self, src):                       # src: (batch, time, fingers)
        src = self.pos_encoder(self.embed(src))
        out = self.encoder(src)  # here
        return self.decoder(out.mean(dim=1))


train_loader = DataLoader(wear_glove(512), batch_size=32, shuffle=True)
val_loader = DataLoader(wear_glove(128), batch_size=32)
model = GestureNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)


def train(epochs=5):
    for epoch in range(epochs):
        model.train()
        total = 0
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        scheduler.step()
        model.eval()
        with torch.no_grad():
            acc = sum((model(x).argmax(-1) == y).sum().item() for x, y in val_loader) / 128
        print(f"| epoch {epoch} | loss {total / len(train_loader):.3f} | val acc {acc:.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
