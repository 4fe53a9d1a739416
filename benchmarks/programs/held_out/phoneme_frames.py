"""Phonemes from frames of cepstra: convolution block and attention block with norms.

code: ND206
also: ND501, ND204
object: norm_attn | FrameBlock.norm_attn | block.norm_attn | norm_attn.weight | norm_attn.bias
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

PHONEMES, CEPSTRA, FRAMES = 6, 13, 20


class Utterances(Dataset):
    def __init__(self, n, seed):
        voices = torch.randn(PHONEMES, CEPSTRA, generator=torch.Generator().manual_seed(0))
        g = torch.Generator().manual_seed(seed)
        spoken = torch.randint(PHONEMES, (n, FRAMES // 4), generator=g).repeat_interleave(4, 1)
        self.frames = (voices[spoken] + 1.2 * torch.randn(n, FRAMES, CEPSTRA, generator=g)) / 1.6
        self.spoken = spoken

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, i):
        return self.frames[i], self.spoken[i]


class FrameBlock(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.norm_conv = nn.LayerNorm(dim)
        self.conv = nn.Conv1d(dim, dim, 5, padding=2)
        self.norm_attn = nn.LayerNorm(dim)  # here
        self.attn = nn.MultiheadAttention(dim, 4, batch_first=True)

    def forward(self, h):
        h = h + F.silu(self.conv(self.norm_conv(h).transpose(1, 2))).transpose(1, 2)
        z = self.norm_conv(h)  # fault
        # fixed: z = self.norm_attn(h)
        return h + self.attn(z, z, z, need_weights=False)[0]


class Recogniser(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.inp = nn.Linear(CEPSTRA, dim)
        self.block = FrameBlock(dim)
        self.out = nn.Linear(dim, PHONEMES)

    def forward(self, frames):
        return self.out(self.block(self.inp(frames)))


def loss_fn(logits, spoken):
    return F.cross_entropy(logits.flatten(0, 1), spoken.flatten())


torch.manual_seed(47)
model = Recogniser()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
train_loader = DataLoader(Utterances(400, 1), batch_size=20, shuffle=True)
val_loader = DataLoader(Utterances(100, 2), batch_size=50)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for frames, spoken in train_loader:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = loss_fn(model(frames), spoken)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = torch.cat([(model(f).argmax(-1) == s).float().mean(1) for f, s in val_loader]).mean().item()
        print(epoch, sum(losses) / len(losses), acc)
    return sum(losses) / len(losses)


precision = "bf16-mixed"

if __name__ == "__main__":
    train()
