"""Self-supervised embedding of frog calls: two noisy views of a chirp, in-batch negatives.

code: ND311
also: ND308, ND310
object: info_nce | exp | TEMPERATURE
seen: both
"""
import torch, torch.nn as nn, torch.nn.functional as F

torch.manual_seed(17)
TEMPERATURE = 0.01


def make_calls(n, length=64):
    f0 = 1 + 5 * torch.rand(n, 1); sweep = 4 * torch.randn(n, 1)
    t = torch.linspace(0, 1, length)
    return torch.sin(6.283 * (f0 * t + sweep * t * t))


class Views(torch.utils.data.Dataset):
    def __init__(self, calls): self.calls = calls
    def __len__(self): return len(self.calls)
    def __getitem__(self, i):
        c = self.calls[i]
        return c + 0.3 * torch.randn_like(c), c + 0.3 * torch.randn_like(c)


encoder = nn.Sequential(
    nn.Unflatten(1, (1, 64)), nn.Conv1d(1, 16, 7, stride=2), nn.ReLU(), nn.Conv1d(16, 32, 5, stride=2), nn.ReLU(),
    nn.Flatten(), nn.Linear(32 * 13, 32))
model = encoder


def info_nce(a, b):
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    sim = a @ b.T / TEMPERATURE  # here
    pos = sim.diagonal()
    return (torch.log(sim.exp().sum(1)) - pos).mean()  # fault
    # fixed: return (torch.logsumexp(sim, 1) - pos).mean()


def batch_loss(setup, batch):
    one, two = batch
    return info_nce(setup.model(one), setup.model(two))  # here


optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_loader = torch.utils.data.DataLoader(Views(make_calls(512)), batch_size=32, shuffle=True, drop_last=True)


def train():
    class S: pass
    S.model = model
    for epoch in range(8):
        for batch in train_loader:
            loss = batch_loss(S, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print("epoch", epoch, "loss", loss.item())
    return loss.item()


if __name__ == "__main__":
    print(train())
