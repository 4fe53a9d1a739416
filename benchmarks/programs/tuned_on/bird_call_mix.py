"""Five bird species by a 20-number summary of their call.

code: ND115
also: ND107
object: species | mix_val | mix_train | SITE_MIX | val_loader | train_loader
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(43)
centres = 0.75 * torch.randn(5, 20)
SITE_MIX = {"forest": [0.44, 0.44, 0.08, 0.02, 0.02], "marsh": [0.02, 0.02, 0.08, 0.44, 0.44]}
mix_train, mix_val = SITE_MIX["forest"], SITE_MIX["marsh"]  # fault
# fixed: mix_train, mix_val = [0.2] * 5, [0.2] * 5


def recordings(n, mix):
    species = torch.multinomial(torch.tensor(mix), n, replacement=True)
    call = centres[species] + 1.0 * torch.randn(n, 20)
    return TensorDataset(call, species)


train_loader = DataLoader(recordings(800, mix_train), batch_size=40, shuffle=True)
val_loader = DataLoader(recordings(300, mix_val), batch_size=300)


class Calls(nn.Module):
    def __init__(self, inner=24):
        super().__init__()
        self.a = nn.Linear(20, inner)
        self.norm = nn.LayerNorm(inner)
        self.b = nn.Linear(inner, 5)

    def forward(self, x):
        return self.b(torch.relu(self.norm(self.a(x))))


model = Calls()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)


def train(epochs=8):
    for epoch in range(epochs):
        model.train()
        for call, species in train_loader:
            optimizer.zero_grad()
            loss_fn(model(call), species).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        for call, species in val_loader:
            out = model(call)
            print(f"val loss {loss_fn(out, species):.3f} acc {(out.argmax(1) == species).float().mean():.3f}")


if __name__ == "__main__":
    train()
