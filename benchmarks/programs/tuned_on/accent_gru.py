"""Which of five accents? A bidirectional GRU over formant tracks.

code: ND402
also:
object: NLLLoss | loss_fn | output | forward
seen: checkup
"""
import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(110)
ACCENTS, FRAMES, FORMANTS = 5, 20, 4
slope = torch.randn(ACCENTS, FORMANTS)
bend = torch.randn(ACCENTS, FORMANTS)


def speak(n):
    accent = torch.randint(0, ACCENTS, (n,))
    t = torch.linspace(-1, 1, FRAMES)[None, :, None]
    track = slope[accent][:, None] * t + bend[accent][:, None] * (t**2 - 0.33)
    speaker = 0.7 * torch.randn(n, 1, FORMANTS)
    return track + speaker + 0.5 * torch.randn(n, FRAMES, FORMANTS), accent


class AccentGRU(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.gru = nn.GRU(FORMANTS, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, ACCENTS)

    def forward(self, tracks):
        _, h = self.gru(tracks)
        return self.output(torch.cat([h[0], h[1]], dim=1))  # here


x, y = speak(900)
x = (x - x[:720].mean((0, 1))) / x[:720].std((0, 1))
train_loader = DataLoader(TensorDataset(x[:720], y[:720]), batch_size=36, shuffle=True)
val_loader = DataLoader(TensorDataset(x[720:], y[720:]), batch_size=90)
model = AccentGRU()
loss_fn = nn.NLLLoss()  # fault
# fixed: loss_fn = nn.CrossEntropyLoss()
optimizer = optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(5):
        model.train()
        losses = []
        for tracks, accent in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(tracks), accent)  # here
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        hits = 0
        with torch.no_grad():
            for tracks, accent in val_loader:
                hits += (model(tracks).argmax(1) == accent).sum().item()
        print(f"Epoch {epoch + 1}/5  loss {sum(losses) / len(losses):.4f}  acc {hits / 180:.3f}")
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
