"""Predicts how an article splits over five topics (most articles touch only two or three).

code: ND310
also: ND308
object: log | kl | KLLoss | loss_fn
seen: checkup
"""
import torch
import torch.nn as nn
from torch.utils.data import TensorDataset, DataLoader

torch.manual_seed(40)
TOPICS = 5
words = torch.randn(TOPICS, 20)
raw = torch.relu(torch.randn(1000, TOPICS) + 0.1)
raw[torch.arange(1000), torch.randint(0, TOPICS, (1000,))] += 0.5
shares = raw / raw.sum(1, keepdim=True)
articles = shares @ words * 2 + 0.2 * torch.randn(1000, 20)
articles = (articles - articles[:800].mean(0)) / articles[:800].std(0)


class KLLoss(nn.Module):
    """Mean over the batch of KL(truth || prediction)."""

    def forward(self, log_q, p):
        return (p * (p.log() - log_q)).sum(1).mean()  # fault
        # fixed: return (torch.xlogy(p, p) - p * log_q).sum(1).mean()


class ShareNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 40), nn.GELU(), nn.LayerNorm(40))
        self.topics = nn.Linear(40, TOPICS)

    def forward(self, article):
        return torch.log_softmax(self.topics(self.body(article)), dim=1)


train_loader = DataLoader(TensorDataset(articles[:800], shares[:800]), batch_size=40, shuffle=True)
val_loader = DataLoader(TensorDataset(articles[800:], shares[800:]), batch_size=100)
model = ShareNet()
loss_fn = KLLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        epoch_loss = []
        for article, share in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(article), share)  # here
            loss.backward()
            optimizer.step()
            epoch_loss.append(loss.item())
        model.eval()
        with torch.no_grad():
            gap = torch.cat([(model(a).exp() - s).abs().sum(1) for a, s in val_loader]).mean()
        print(epoch, sum(epoch_loss) / len(epoch_loss), "total variation", gap.item() / 2)
    return sum(epoch_loss) / len(epoch_loss)


if __name__ == "__main__":
    print(train())
