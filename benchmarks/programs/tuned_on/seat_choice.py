"""Which cabin zone a passenger picks: categorical columns as embeddings plus two numbers.

code: ND202
also: ND406
object: embeds | embeds.0 | embeds.1 | embeds.2 | embeds.0.weight | embeds.1.weight | embeds.2.weight
seen: both
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

g = torch.Generator().manual_seed(21)
N = 1500
airline = torch.randint(0, 9, (N,), generator=g)
fare = torch.randint(0, 5, (N,), generator=g)
purpose = torch.randint(0, 4, (N,), generator=g)
nums = torch.randn(N, 2, generator=g)
effect = [torch.randn(k, 4, generator=g) for k in (9, 5, 4)]
logit = effect[0][airline] + effect[1][fare] + effect[2][purpose] + nums @ torch.randn(2, 4, generator=g)
zone = (logit * 2 + torch.randn(N, 4, generator=g) * 0.6).argmax(1)
cats = torch.stack([airline, fare, purpose], 1)
train_loader = DataLoader(TensorDataset(cats[:1200], nums[:1200], zone[:1200]), 60, shuffle=True, drop_last=True)
val_loader = DataLoader(TensorDataset(cats[1200:], nums[1200:], zone[1200:]), 100)


def embedding(n, d):
    e = nn.Embedding(n, d)
    nn.init.uniform_(e.weight, -25, 25)  # fault
    # fixed: nn.init.uniform_(e.weight, -0.25, 0.25)
    return e


class EntityEmbeddingNet(nn.Module):
    def __init__(self, cards=(9, 5, 4), d=6):
        super().__init__()
        self.embeds = nn.ModuleList([embedding(c, d) for c in cards])  # here
        self.mlp = nn.Sequential(nn.Linear(d * len(cards) + 2, 48), nn.GELU(), nn.Linear(48, 4))

    def forward(self, cats, nums):
        e = [emb(cats[:, i]) for i, emb in enumerate(self.embeds)]
        return self.mlp(torch.cat(e + [nums], 1))


torch.manual_seed(0)
model = EntityEmbeddingNet()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=1e-4)


def batch_loss(setup, batch):
    c, n, z = batch
    return loss_fn(setup.model(c, n), z)


def train():
    history = []
    for _ in range(8):
        model.train()
        for c, n, z in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = loss_fn(model(c, n), z)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
        model.eval()
        with torch.inference_mode():
            hit = sum((model(c, n).argmax(1) == z).sum().item() for c, n, z in val_loader)
    return sum(history[-20:]) / 20


if __name__ == "__main__":
    print(train())
