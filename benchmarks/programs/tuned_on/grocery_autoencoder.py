"""Parts-based autoencoder of shopping baskets: weights are kept on one side of zero, like in non-negative factorisation.

code: ND307
also:
object: encode | encode.weight | clamp_ | project | code
seen: watch
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, random_split

ITEMS, PARTS = 36, 6


def baskets(n):
    rng = np.random.default_rng(606)
    meals = rng.random((PARTS, ITEMS)) * (rng.random((PARTS, ITEMS)) < 0.25)
    taste = rng.gamma(0.6, 1.0, (n, PARTS))
    amount = taste @ meals * 2 + 0.05 * rng.random((n, ITEMS))
    amount = np.log1p(amount)
    return torch.tensor(amount / amount.std(), dtype=torch.float32)


class PartsCoder(nn.Module):
    def __init__(self, items, parts):
        super().__init__()
        self.encode = nn.Linear(items, parts, bias=False)
        self.decode = nn.Linear(parts, items)
        nn.init.uniform_(self.encode.weight, 0.0, 2.0 / items)
        nn.init.uniform_(self.decode.weight, 0.0, 0.25)

    def forward(self, basket):
        code = torch.relu(self.encode(basket))  # here
        return self.decode(code)

    @torch.no_grad()
    def project(self):
        self.encode.weight.clamp_(max=0.0)  # fault
        # fixed: self.encode.weight.clamp_(min=0.0)


torch.manual_seed(606)
train_set, val_set = random_split(baskets(1400), [1150, 250])
train_loader = DataLoader(train_set, batch_size=46, shuffle=True)
val_loader = DataLoader(val_set, batch_size=125)
model = PartsCoder(ITEMS, 8)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def batch_loss(setup, basket):
    return loss_fn(setup.model(basket), basket)


def train():
    for epoch in range(12):
        model.train()
        total = 0.0
        for basket in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(basket), basket)
            loss.backward()
            optimizer.step()
            model.project()  # here
            total += loss.item()
        model.eval()
        with torch.no_grad():
            val = np.mean([loss_fn(model(b), b).item() for b in val_loader])
    print("left over on new baskets", round(float(val), 4))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
