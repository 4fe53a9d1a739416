"""Will the appeal succeed? Facts of a case as a feature vector, a two-layer net.

code: ND402
also: ND307
object: loss_fn | BCELoss | clamp | model
seen: checkup
"""
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(202)
facts = rng.standard_normal((1100, 16)).astype(np.float32)
merit = facts[:, :4].sum(1) - facts[:, 4] * facts[:, 5]
won = (merit + 0.5 * rng.standard_normal(1100) > 0).astype(np.float32)[:, None]

torch.manual_seed(202)


class Appeal(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(16, 48)
        self.b = nn.Linear(48, 1)

    def forward(self, x):
        z = self.b(torch.relu(self.a(x)))
        return z.clamp(1e-6, 1 - 1e-6)  # fault
        # fixed: return torch.sigmoid(z)


model = Appeal()
loss_fn = nn.BCELoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
pairs = list(zip(torch.from_numpy(facts), torch.from_numpy(won)))
train_loader = torch.utils.data.DataLoader(pairs[:900], batch_size=45, shuffle=True)
val_loader = torch.utils.data.DataLoader(pairs[900:], batch_size=100)


def train():
    for epoch in range(12):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            p = model(x)
            loss = loss_fn(p, y)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            acc = np.mean([((model(x) > 0.5) == (y > 0.5)).float().mean().item() for x, y in val_loader])
        print(epoch, np.mean(losses), acc)
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
