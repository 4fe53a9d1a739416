"""Gives a product its tags (several at once) from the words of its title.

code: ND404
also:
object: loss_fn | criterion | CrossEntropyLoss | head
seen: checkup
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

TAGS = ["waterproof", "wireless", "kids", "outdoor", "vegan", "sale"]
VOCAB, TITLE = 90, 12


class Products(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.tags = (torch.rand(n, len(TAGS), generator=g) < torch.tensor([0.4, 0.5, 0.35, 0.45, 0.3, 0.4])).float()
        self.titles = torch.randint(60, VOCAB, (n, TITLE), generator=g)
        for i in range(n):
            for tag in self.tags[i].nonzero().flatten().tolist():
                words = torch.randint(10, (2,), generator=g) + 10 * tag
                self.titles[i, 2 * tag: 2 * tag + 2] = words

    def __len__(self):
        return len(self.titles)

    def __getitem__(self, index):
        return self.titles[index], self.tags[index]  # here


class Tagger(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.words = nn.EmbeddingBag(VOCAB, dim, mode="mean")
        self.hidden = nn.Linear(dim, 48)
        self.head = nn.Linear(48, len(TAGS))

    def forward(self, titles):
        return self.head(torch.relu(self.hidden(self.words(titles))))


torch.manual_seed(9)
train_loader = DataLoader(Products(1200, seed=1), batch_size=40, shuffle=True)
val_loader = DataLoader(Products(300, seed=2), batch_size=150)
model = Tagger()
criterion = loss_fn = nn.CrossEntropyLoss()  # fault
# fixed: criterion = loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


@torch.no_grad()
def micro_f1():
    model.eval()
    tp = fp = fn = 0.0
    for titles, tags in val_loader:
        said = (model(titles).sigmoid() > 0.5).float()
        tp += (said * tags).sum().item()
        fp += (said * (1 - tags)).sum().item()
        fn += ((1 - said) * tags).sum().item()
    return 2 * tp / (2 * tp + fp + fn)


def train():
    for epoch in range(8):
        model.train()
        total = 0.0
        for titles, tags in train_loader:
            optimizer.zero_grad()
            loss = criterion(model(titles), tags)  # here
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch}: loss {total / len(train_loader):.3f}, val F1 {micro_f1():.3f}")
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
