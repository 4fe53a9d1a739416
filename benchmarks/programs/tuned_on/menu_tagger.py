"""Tags dishes (vegan, spicy, nuts ...) from ingredient ids; several tags per dish.

code: ND401
also:
object: activation | out_activation | act | loss_fn | model
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

CONFIG = {
    "vocab": 120,
    "embed": 24,
    "hidden": 48,
    "tags": 6,
    "out_activation": "sigmoid",  # fault
    # fixed: "out_activation": None,
    "lr": 3e-3,
    "epochs": 6,
}
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "sigmoid": nn.Sigmoid, None: nn.Identity}


class Dishes(Dataset):
    def __init__(self, n=640, seed=4):
        g = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(1, CONFIG["vocab"], (n, 9), generator=g)
        per_ingredient = (torch.rand(CONFIG["vocab"], CONFIG["tags"], generator=g) < 0.07).float()
        self.tags = (per_ingredient[self.ids].sum(1) > 0).float()

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], self.tags[i]


class Tagger(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.embed = nn.EmbeddingBag(cfg["vocab"], cfg["embed"], mode="sum")
        self.hidden = nn.Sequential(nn.Linear(cfg["embed"], cfg["hidden"]), nn.GELU())
        self.out = nn.Linear(cfg["hidden"], cfg["tags"])
        self.act = ACTIVATIONS[cfg["out_activation"]]()  # here

    def forward(self, ids):
        return self.act(self.out(self.hidden(self.embed(ids))))  # here


torch.manual_seed(0)
dishes = Dishes()
train_loader = DataLoader(Subset(dishes, range(512)), batch_size=32, shuffle=True)
val_loader = DataLoader(Subset(dishes, range(512, 640)), batch_size=64)
model = Tagger(CONFIG)
loss_fn = nn.BCEWithLogitsLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=CONFIG["lr"])


@torch.no_grad()
def validate():
    model.eval()
    total = sum(loss_fn(model(x), y).item() * len(x) for x, y in val_loader)
    model.train()
    return total / len(val_loader.dataset)


def train():
    for epoch in range(CONFIG["epochs"]):
        losses = []
        for ids, tags in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), tags)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        validate()
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
