"""Bradley-Terry reward model over pairs of answers, with a small margin term.

code: none
trait: no targets at all; outputs (N, 1) minus (N, 1); an unbounded score; logsigmoid as the loss; sum divided by hand
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(103)
V, L = 64, 14
worth = torch.randn(V)


class Preferences(torch.utils.data.Dataset):
    def __init__(self, n):
        a, b = torch.randint(0, V, (2, n, L))
        better = worth[a].mean(1) + 0.05 * torch.randn(n) > worth[b].mean(1)
        self.chosen = torch.where(better[:, None], a, b)
        self.rejected = torch.where(better[:, None], b, a)

    def __len__(self):
        return len(self.chosen)

    def __getitem__(self, i):
        return {"chosen": self.chosen[i], "rejected": self.rejected[i]}


class Reward(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.words = nn.EmbeddingBag(V, d, mode="mean", sparse=False)
        self.score = nn.Sequential(nn.Linear(d, 32), nn.SiLU(), nn.Linear(32, 1, bias=False))

    def forward(self, ids):
        return self.score(self.words(ids))


def batch_loss(setup, batch):
    margin = setup.model(batch["chosen"]) - setup.model(batch["rejected"])
    return -F.logsigmoid(margin).sum() / margin.shape[0]


model = Reward()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
train_loader = torch.utils.data.DataLoader(Preferences(2400), batch_size=64, shuffle=True)
val_loader = torch.utils.data.DataLoader(Preferences(400), batch_size=100)


def train():
    s = type("S", (), {"model": model})
    for epoch in range(8):
        model.train()
        log = []
        for batch in train_loader:
            loss = batch_loss(s, batch)
            optimizer.zero_grad(); loss.backward(); optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            ok = torch.cat([(model(b["chosen"]) > model(b["rejected"])).flatten() for b in val_loader]).float().mean()
        print(epoch, sum(log) / len(log), ok.item())
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
