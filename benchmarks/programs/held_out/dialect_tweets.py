"""Four dialects from short tweets: convolution over character embeddings, bf16 autocast.

code: ND401
also:
object: softmax | out | classifier | step | batch_loss | cross_entropy
seen: checkup
"""
import torch
import torch.nn.functional as F
from torch import nn, optim
from types import SimpleNamespace

torch.manual_seed(102)
DIALECTS, CHARS, LEN = 4, 30, 32
signatures = torch.randint(5, CHARS, (DIALECTS, 3, 3))


def tweets(n):
    y = torch.randint(0, DIALECTS, (n,))
    x = torch.randint(0, CHARS, (n, LEN))
    for i in range(n):
        for at in (torch.randperm(LEN // 4)[:3] * 4).tolist():
            x[i, at:at + 3] = signatures[y[i], torch.randint(0, 3, (1,)).item()]
    return x, y


class CharCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.chars = nn.Embedding(CHARS, 16)
        self.conv = nn.Conv1d(16, 48, 3, padding=1)
        self.drop = nn.Dropout(0.1)
        self.classifier = nn.Linear(48, DIALECTS)

    def forward(self, x):
        h = F.relu(self.conv(self.chars(x).transpose(1, 2)))
        return self.classifier(self.drop(h.amax(-1)))


X, Y = tweets(1200)
train_loader = torch.utils.data.DataLoader(list(zip(X[:1000], Y[:1000])), batch_size=50, shuffle=True)
val_loader = torch.utils.data.DataLoader(list(zip(X[1000:], Y[1000:])), batch_size=100)
model = CharCNN()
optimizer = optim.AdamW(model.parameters(), lr=4e-3)
precision = "bf16-mixed"


def batch_loss(setup, batch):
    x, y = batch
    out = setup.model(x)
    out = F.softmax(out, dim=1)  # fault
    # fixed:
    return F.cross_entropy(out.float(), y)  # here


def train():
    me = SimpleNamespace(model=model)
    for epoch in range(8):
        model.train()
        total = 0.0
        for batch in train_loader:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = batch_loss(me, batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            acc = torch.cat([model(x).argmax(1) == y for x, y in val_loader]).float().mean().item()
        print(epoch, total / len(train_loader), acc)
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
