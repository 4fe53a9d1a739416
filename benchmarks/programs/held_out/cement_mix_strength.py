"""Compressive strength of cement mixes (synthetic mix design), regression MLP with its own initialisation.

code: ND307
also: ND202
object: hidden | hidden.0 | hidden.2 | bias | reset
seen: checkup
"""
import torch
import torch.nn as nn

torch.manual_seed(77)
mix = torch.randn(800, 8)
strength = (mix[:, 0] + 0.7 * mix[:, 1] - 0.8 * mix[:, 2] + 0.6 * torch.tanh(2 * mix[:, 3]) * mix[:, 4] + 0.1 * torch.randn(800))[:, None]
strength = (strength - strength[:640].mean()) / strength[:640].std()


class StrengthModel(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())  # here
        self.out = nn.Linear(width, 1)
        self.reset()

    def reset(self):
        for layer in self.hidden:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.constant_(layer.bias, -6.0)  # fault
                # fixed: nn.init.zeros_(layer.bias)

    def forward(self, mix):
        return self.out(self.hidden(mix))  # here


train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(mix[:640], strength[:640]), batch_size=32, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(mix[640:], strength[640:]), batch_size=160)
model = StrengthModel()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    for epoch in range(12):
        model.train()
        seen = []
        for a, b in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(a), b)
            loss.backward()
            optimizer.step()
            seen.append(loss.detach())
        model.eval()
        with torch.no_grad():
            val = torch.stack([loss_fn(model(a), b) for a, b in val_loader]).mean()
        print(f"{epoch:2d} {torch.stack(seen).mean():.4f} {val:.4f}")
    return torch.stack(seen).mean().item()


if __name__ == "__main__":
    print(train())
