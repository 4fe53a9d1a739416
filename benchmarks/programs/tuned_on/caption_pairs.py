"""Image-caption matching in the style of CLIP; every picture has three captions.

code: ND104
also:
object: Pairs | __getitem__ | picture | images | captions | train_loader | train_set
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(66)
PER_IMAGE, VOCAB, CONCEPTS = 3, 60, 12


def scenes(n):
    concepts = (torch.rand(n, CONCEPTS) < 0.3).float()
    concepts[torch.arange(n), torch.randint(0, CONCEPTS, (n,))] = 1
    basis = torch.randn(CONCEPTS, 48, generator=torch.Generator().manual_seed(0))
    images = concepts @ basis
    images = images / images.std() + 0.3 * torch.randn(n, 48)
    captions = []
    for i in range(n):
        present = concepts[i].nonzero().flatten()
        for _ in range(PER_IMAGE):
            c = present[torch.randint(0, len(present), (8,))]
            captions.append(c * 5 + torch.randint(0, 5, (8,)))
    return images, torch.stack(captions)


class Pairs(Dataset):
    def __init__(self, n):
        self.images, self.captions = scenes(n)

    def __len__(self):
        return len(self.captions)

    def __getitem__(self, i):
        picture = self.images[i % len(self.images)]  # fault
        # fixed: picture = self.images[i // PER_IMAGE]
        return {"image": picture, "text": self.captions[i]}  # here


train_set, val_set = Pairs(500), Pairs(80)  # here
train_loader = DataLoader(train_set, batch_size=32, shuffle=True, drop_last=True)  # here
val_loader = DataLoader(torch.utils.data.Subset(val_set, range(0, len(val_set), PER_IMAGE)), batch_size=40)


class DualEncoder(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.vision = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, d))
        self.words = nn.Embedding(VOCAB, d)
        self.text = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 64), nn.ReLU(), nn.Linear(64, d))
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, batch):
        a = F.normalize(self.vision(batch["image"]), dim=-1)
        b = F.normalize(self.text(self.words(batch["text"]).mean(1)), dim=-1)
        return self.logit_scale.exp() * a @ b.T


def clip_loss(logits):
    target = torch.arange(len(logits))
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def batch_loss(setup, batch):
    return clip_loss(setup.model(batch))


model = DualEncoder()
loss_fn = None
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


class Holder:
    model = model


def train():
    for epoch in range(6):
        model.train()
        out = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = batch_loss(Holder, batch)
            loss.backward()
            optimizer.step()
            out.append(loss.item())
        model.eval()
        with torch.no_grad():
            recall = [(model(b).argmax(1) == torch.arange(len(b["text"]))).float().mean().item() for b in val_loader]
    return sum(out) / len(out)


if __name__ == "__main__":
    print(train())
