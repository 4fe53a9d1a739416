"""Spam or not from bags of hashed words.

code: ND602
also:
object: optimizer | zero_grad | optimizer.zero_grad | fit
seen: watch
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def mails(n, g):
    spam = torch.randint(0, 2, (n,), generator=g)
    words = torch.randint(20, 200, (n, 16), generator=g)
    hint = torch.randint(0, 10, (n, 3), generator=g) + spam.unsqueeze(1) * 10
    words[:, :3] = hint
    return TensorDataset(words, spam.float())


class Bag(nn.Module):
    def __init__(self, vocabulary=200, d=16):
        super().__init__()
        self.words = nn.EmbeddingBag(vocabulary, d, mode="mean")
        self.score = nn.Linear(d, 1)

    def forward(self, tokens):
        return self.score(self.words(tokens)).squeeze(1)


g = torch.Generator().manual_seed(77)
torch.manual_seed(77)
train_loader = DataLoader(mails(600, g), batch_size=30, shuffle=True, generator=g)
val_loader = DataLoader(mails(150, g), batch_size=50)
model = Bag()
loss_fn = F.binary_cross_entropy_with_logits
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def fit(epochs):
    for _ in range(epochs):
        model.train()
        seen = []
        for tokens, spam in train_loader:
            loss = loss_fn(model(tokens), spam)
            loss.backward()  # fault
            # fixed: optimizer.zero_grad()
            # fixed: loss.backward()
            optimizer.zero_grad()  # fault
            # fixed:
            optimizer.step()  # here
            seen.append(loss.item())
        yield sum(seen) / len(seen)


@torch.no_grad()
def accuracy():
    model.eval()
    return sum(((model(t) > 0).float() == s).sum().item() for t, s in val_loader) / 150


def train():
    for loss in fit(8):
        print(f"{loss:.4f} {accuracy():.3f}")
    return loss


if __name__ == "__main__":
    print(train())
