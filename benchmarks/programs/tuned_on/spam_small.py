"""Spam filter on word counts; a run over a handful of messages first, to see that the script works.

code: ND703
also:
object: train_set | train_loader | model | history | val
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset, random_split

torch.manual_seed(64)
VOCAB = 100
spamminess = torch.randn(VOCAB) * (torch.rand(VOCAB) < 0.4)


def messages(n):
    lengths = torch.randint(8, 40, (n,))
    base = torch.softmax(0.5 * torch.randn(VOCAB), 0)
    x = torch.zeros(n, VOCAB)
    for i, l in enumerate(lengths.tolist()):
        w = torch.multinomial(base, l, replacement=True)
        x[i].scatter_add_(0, w, torch.ones(l))
    score = x @ spamminess / lengths.sqrt()
    y = torch.bernoulli(torch.sigmoid(5 * (score - score.median())))
    x = torch.log1p(x)
    return TensorDataset((x - x.mean()) / x.std(), y)


full_train, val_set = random_split(messages(8600), [8000, 600])
train_set = Subset(full_train, range(120))  # fault
# fixed: train_set = full_train
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)  # here
val_loader = DataLoader(val_set, batch_size=300)

model = nn.Sequential(
    nn.Linear(VOCAB, 64), nn.ReLU(),
    nn.Linear(64, 32), nn.ReLU(),
    nn.Linear(32, 1), nn.Flatten(0),
)
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
history = []
STEPS = 400


def mean_loss(loader):
    model.eval()
    with torch.no_grad():
        tot = sum(loss_fn(model(x), y).item() * len(y) for x, y in loader)
    return tot / len(loader.dataset)


def train():
    step = 0
    seen = []
    while step < STEPS:
        model.train()
        for x, y in train_loader:
            loss = loss_fn(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
            step += 1
            if step % 25 == 0:
                history.append({"step": step, "train": sum(seen[-25:]) / 25, "val": mean_loss(val_loader)})
                model.train()
            if step >= STEPS:
                break
    return history[-1]["train"]


if __name__ == "__main__":
    print(train())
    for row in history:
        print(row)
