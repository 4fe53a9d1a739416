"""Character language model with nn.TransformerEncoder on a small play.

code: ND302
also:
object: encoder | encoder.layers.0.self_attn | encoder.layers.1.self_attn | encoder.layers.0 | encoder.layers.1 | self_attn
seen: checkup
"""
import math
import random
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

random.seed(1337)
torch.manual_seed(1337)

subjects = ["the king", "my lord", "fair juliet", "the fool", "a ghost", "thy brother"]
verbs = ["speaks", "weeps", "comes", "sleeps", "sings", "waits"]
places = ["by the gate", "at dawn", "in the hall", "with sorrow", "upon the hill", "tonight"]
play = "".join(f"{random.choice(subjects)} {random.choice(verbs)} {random.choice(places)}.\n" for _ in range(400))
chars = sorted(set(play))
stoi = {c: i for i, c in enumerate(chars)}
data = torch.tensor([stoi[c] for c in play])
block_size = 32


class CharBlocks(Dataset):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return (len(self.data) - 1) // block_size

    def __getitem__(self, i):
        s = i * block_size
        return self.data[s:s + block_size], self.data[s + 1:s + block_size + 1]


cut = int(0.9 * len(data))
train_loader = DataLoader(CharBlocks(data[:cut]), batch_size=16, shuffle=True)
val_loader = DataLoader(CharBlocks(data[cut:]), batch_size=32)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=64):
        super().__init__()
        pos = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, d_model)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


class CharTransformer(nn.Module):
    def __init__(self, vocab, d_model=48, nhead=4, layers=2):
        super().__init__()
        self.embed = nn.Embedding(vocab, d_model)
        self.pos = PositionalEncoding(d_model)
        layer = nn.TransformerEncoderLayer(d_model, nhead, dim_feedforward=96, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.decoder = nn.Linear(d_model, vocab)

    def forward(self, src):
        x = self.pos(self.embed(src))
        x = self.encoder(x)  # fault
        # fixed: mask = nn.Transformer.generate_square_subsequent_mask(src.size(1))
        # fixed: x = self.encoder(x, mask=mask, is_causal=True)
        return self.decoder(x)


model = CharTransformer(len(chars))
criterion = nn.CrossEntropyLoss()


def loss_fn(logits, targets):
    return criterion(logits.reshape(-1, logits.size(-1)), targets.reshape(-1))


optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


@torch.no_grad()
def estimate_loss():
    model.eval()
    losses = [loss_fn(model(x), y).item() for x, y in val_loader]
    model.train()
    return sum(losses) / len(losses)


def train():
    model.train()
    for epoch in range(5):
        losses = []
        for x, y in train_loader:
            loss = loss_fn(model(x), y)  # here
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"epoch {epoch} train {sum(losses) / len(losses):.4f} val {estimate_loss():.4f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
