"""Tags of holiday photos; sea, mountain, people, food may all be there at once.

code: ND404
also: ND402
object: cross_entropy | loss_fn | tag_loss | head
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(190)
TAGS = ["sea", "mountain", "people", "food"]
stamps = torch.randn(len(TAGS), 3, 4, 4)


def photos(n):
    has = (torch.rand(n, len(TAGS)) < 0.4).float()
    img = 0.6 * torch.randn(n, 3, 12, 12)
    for i, k in has.nonzero().tolist():
        r, c = torch.randint(0, 9, (2,)).tolist()
        img[i, :, r:r + 4, c:c + 4] += stamps[k]
    return img, has


def tag_loss(logits, tags):
    return F.cross_entropy(logits, tags)  # fault
    # fixed: return F.binary_cross_entropy_with_logits(logits, tags)


class TagNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 4)
        self.mix = nn.Conv2d(24, 32, 1)
        self.head = nn.Linear(32, len(TAGS))  # here

    def forward(self, img):
        h = F.relu(self.mix(F.relu(self.stem(img))))
        return self.head(h.amax((2, 3)))


img, has = photos(900)
train_loader = DataLoader(TensorDataset(img[:750], has[:750]), batch_size=30, shuffle=True)
val_loader = DataLoader(TensorDataset(img[750:], has[750:]), batch_size=75)
model = TagNet()
loss_fn = tag_loss  # here
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)


def per_tag_accuracy():
    model.eval()
    with torch.no_grad():
        ok = torch.cat([(model(x) > 0).float() == y for x, y in val_loader]).float().mean(0)
    return {t: round(v, 2) for t, v in zip(TAGS, ok.tolist())}


def train():
    for epoch in range(9):
        model.train()
        losses = []
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)  # here
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(epoch, round(sum(losses) / len(losses), 4), per_tag_accuracy())
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
