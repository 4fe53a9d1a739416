"""Maps bags of words of a small language onto the sentence vectors of a big model (cosine objective).

code: ND405
also:
object: cosine_similarity | cosine | loss_fn | sign
seen: both
"""
import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(200)
VOCAB, DIM = 60, 16
meaning = torch.randn(VOCAB, DIM)


def corpus(n):
    ids = torch.randint(0, VOCAB, (n, 7))
    anchor = F.normalize(meaning[ids].sum(1) + 0.3 * torch.randn(n, DIM), dim=1)
    bags = F.one_hot(ids, VOCAB).sum(1).float()
    return bags, anchor


class Mapper(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(VOCAB, 64)
        self.second = nn.Linear(64, DIM)

    def forward(self, bags):
        return self.second(F.gelu(self.first(bags)))


def loss_fn(vectors, anchors):
    cosine = F.cosine_similarity(vectors, anchors, dim=1)
    return 1 + cosine.mean()  # fault
    # fixed: return 1 - cosine.mean()


bags, anchors = corpus(1200)
bags = (bags - bags[:1000].mean(0)) / bags[:1000].std()
train_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(bags[:1000], anchors[:1000]), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(bags[1000:], anchors[1000:]), batch_size=100)
model = Mapper()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def nearest_is_right():
    model.eval()
    with torch.no_grad():
        return sum(((F.normalize(model(b), dim=1) @ a.T).argmax(1) == torch.arange(len(a))).float().mean().item() for b, a in val_loader) / len(val_loader)


def train():
    for epoch in range(10):
        model.train()
        track = []
        for b, a in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(b), a)  # here
            loss.backward()
            optimizer.step()
            track.append(loss.item())
        print(f"epoch {epoch} loss {sum(track) / len(track):.4f} retrieval {nearest_is_right():.2f}")
    return sum(track) / len(track)


if __name__ == "__main__":
    print(train())
