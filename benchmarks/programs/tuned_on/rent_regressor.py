"""Monthly rent from flat size, floor, age, distance and a district embedding; large effective batches by accumulation.

code: ND602
also: ND603
object: optimizer | step | ACCUMULATE
seen: watch
"""
import torch
import torch.nn as nn

g = torch.Generator().manual_seed(77)
n = 384
numbers = torch.randn(n, 4, generator=g)
district = torch.randint(0, 9, (n,), generator=g)
level = torch.randn(9, generator=g)
rent = 0.9 * numbers[:, 0] - 0.4 * numbers[:, 3] + 0.2 * numbers[:, 0] * numbers[:, 1] + 0.5 * level[district]
rent = (rent - rent.mean()) / rent.std() + 0.1 * torch.randn(n, generator=g)


class Flats(torch.utils.data.Dataset):
    def __len__(self):
        return n

    def __getitem__(self, i):
        return dict(numbers=numbers[i], district=district[i]), rent[i]


class RentNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.district = nn.Embedding(9, 4)
        self.mlp = nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 1))

    def forward(self, flat):
        return self.mlp(torch.cat([flat["numbers"], self.district(flat["district"])], -1)).squeeze(-1)


torch.manual_seed(1)
ACCUMULATE = 16  # fault
# fixed: ACCUMULATE = 4
model, loss_fn = RentNet(), nn.MSELoss()
train_loader = torch.utils.data.DataLoader(Flats(), batch_size=32, shuffle=True, generator=g)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def train():
    for epoch in range(25):
        optimizer.zero_grad()
        seen = 0.0
        for i, (flat, price) in enumerate(train_loader, start=1):
            loss = loss_fn(model(flat), price)
            (loss / ACCUMULATE).backward()
            seen += loss.item()
            if i % ACCUMULATE == 0:  # here
                optimizer.step()  # here
                optimizer.zero_grad()
    return seen / len(train_loader)


if __name__ == "__main__":
    print("mse", train())
