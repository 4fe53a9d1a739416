"""How do volunteers split their votes on a galaxy's shape? Learns whole distributions.

code: ND402
also:
object: KLDivLoss | softmax | loss_fn | log_softmax | forward
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(26)
SHAPES = ["spiral", "elliptical", "edge-on", "merger", "artefact"]


class Voters(nn.Module):
    def __init__(self, n_in=12, n_out=len(SHAPES)):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, n_out))

    def forward(self, light):
        return torch.softmax(self.net(light), dim=1)  # fault
        # fixed: return torch.log_softmax(self.net(light), dim=1)


light = torch.randn(1500, 12)
secret = nn.Sequential(nn.Linear(12, 10), nn.Tanh(), nn.Linear(10, len(SHAPES)))
with torch.no_grad():
    votes = torch.softmax(4 * secret(light), dim=1)
    counts = torch.distributions.Multinomial(40, probs=votes).sample()
    votes = counts / 40
train_loader = DataLoader(TensorDataset(light[:1200], votes[:1200]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(light[1200:], votes[1200:]), batch_size=300)
model = Voters()
loss_fn = nn.KLDivLoss(reduction="batchmean")  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        model.train()
        for x, share in train_loader:
            optimizer.zero_grad()
            loss_fn(model(x), share).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        x, share = next(iter(val_loader))
        guess = torch.softmax(model.net(x), 1)
        print("mean absolute error of the shares", (guess - share).abs().mean().item())


if __name__ == "__main__":
    train()
