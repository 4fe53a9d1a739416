"""Walking, stairs, typing or brushing teeth: a wrist sensor's three axes, two seconds at a time.

code: ND301
also:
object: encoder | encoder_layer | encoder.layers.0 | self_attn | batch_first
seen: checkup
"""
import math
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(77)

T, CLASSES = 50, ["walk", "stairs", "typing", "teeth"]


def recording(kind):
    t = torch.arange(T) / 25.0
    ph = torch.rand(3, 1) * 2 * math.pi
    if kind == 0:
        f, amp = 1.8 + 0.2 * torch.randn(()), torch.tensor([[1.0], [0.5], [0.8]])
    elif kind == 1:
        f, amp = 1.2 + 0.2 * torch.randn(()), torch.tensor([[0.9], [0.6], [1.0]])
    elif kind == 2:
        f, amp = 6.0 + 1.0 * torch.randn(()), torch.tensor([[0.2], [0.2], [0.3]])
    else:
        f, amp = 4.5 + 0.5 * torch.randn(()), torch.tensor([[1.1], [0.4], [0.5]])
    sig = amp * torch.sin(2 * math.pi * f * t + ph) + 0.35 * torch.randn(3, T)
    return sig.T


labels = torch.randint(0, 4, (640,))
signals = torch.stack([recording(int(k)) for k in labels])
signals = (signals - signals[:512].mean((0, 1))) / signals[:512].std((0, 1))

train_ds = TensorDataset(signals[:512], labels[:512])
val_ds = TensorDataset(signals[512:], labels[512:])
train_loader = DataLoader(train_ds, batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(val_ds, batch_size=32)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=200):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(1, max_len, d_model)
        pe[0, :, 0::2] = torch.sin(pos * div)
        pe[0, :, 1::2] = torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[:, :x.size(1)]


class HARTransformer(nn.Module):
    def __init__(self, n_feat=3, d_model=32, nhead=4, num_layers=2):
        super().__init__()
        self.input_proj = nn.Conv1d(n_feat, d_model, 7, padding=3)
        self.pos = PositionalEncoding(d_model)
        encoder_layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1)  # fault
        # fixed: encoder_layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=64, dropout=0.1, batch_first=True)
        self.encoder = nn.TransformerEncoder(encoder_layer, num_layers)  # here
        self.out = nn.Linear(d_model, len(CLASSES))

    def forward(self, x):                                    # (batch, time, axes)
        h = self.input_proj(x.transpose(1, 2)).transpose(1, 2)
        h = self.encoder(self.pos(h))  # here
        return self.out(h.mean(dim=1))


model = HARTransformer()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train(num_epochs=4):
    for epoch in range(num_epochs):
        model.train()
        running_loss = 0.0
        for xb, yb in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(xb), yb)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            running_loss += loss.item()
        model.eval()
        correct = 0
        with torch.no_grad():
            for xb, yb in val_loader:
                correct += (model(xb).argmax(dim=1) == yb).sum().item()
        print(f"Epoch {epoch + 1}/{num_epochs} loss={running_loss / len(train_loader):.4f} val_acc={correct / len(val_ds):.3f}")
    return running_loss / len(train_loader)


if __name__ == "__main__":
    print(train())
