"""Two towers that learn to match recipe vectors with photo vectors (CLIP style).

code: ND501
also: ND206
object: log_temperature | temperature
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(11)


class Pairs(Dataset):
    """The same hidden dish seen through two different random projections."""

    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        maps = torch.Generator().manual_seed(0)
        dish = torch.randn(n, 6, generator=g)
        self.recipe = dish @ torch.randn(6, 24, generator=maps) / 6 ** 0.5 + 0.1 * torch.randn(n, 24, generator=g)
        self.photo = torch.tanh(dish @ torch.randn(6, 32, generator=maps) / 6 ** 0.5) + 0.1 * torch.randn(n, 32, generator=g)

    def __len__(self):
        return len(self.recipe)

    def __getitem__(self, i):
        return {"recipe": self.recipe[i], "photo": self.photo[i]}


def tower(d_in, d_out=16):
    return nn.Sequential(nn.Linear(d_in, 64), nn.ReLU(), nn.Linear(64, d_out))


class TwoTowers(nn.Module):
    def __init__(self):
        super().__init__()
        self.recipe, self.photo = tower(24), tower(32)
        self.log_temperature = nn.Parameter(torch.tensor(2.0))  # here

    def forward(self, recipe, photo):
        a = F.normalize(self.recipe(recipe), dim=-1)
        b = F.normalize(self.photo(photo), dim=-1)
        temperature = torch.tensor(self.log_temperature.item()).exp()  # fault
        # fixed: temperature = self.log_temperature.exp()
        return temperature * a @ b.T  # here


model = TwoTowers()
train_loader = DataLoader(Pairs(512, seed=1), batch_size=32, shuffle=True, drop_last=True)
val_loader = DataLoader(Pairs(128, seed=2), batch_size=32)
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.0)


def clip_loss(net, batch):
    logits = net(batch["recipe"], batch["photo"])
    truth = torch.arange(len(logits))
    return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2


def batch_loss(setup, batch):
    return clip_loss(setup.model, batch)


def train():
    late = []
    for epoch in range(12):
        model.train()
        for batch in train_loader:
            loss = clip_loss(model, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if epoch == 11:
                late.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(clip_loss(model, b).item() for b in val_loader) / len(val_loader)
    return sum(late) / len(late)


if __name__ == "__main__":
    print(train())
