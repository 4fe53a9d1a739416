"""Bank chat: the intent of a short message, trained by a small Trainer class.

code: ND602
also: ND603
object: Trainer | optimizer | zero_grad | step
seen: watch
"""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def messages(n, seed, intents=5, words=15, length=8):
    g = torch.Generator().manual_seed(seed)
    intent = torch.randint(intents, (n,), generator=g)
    filler = torch.randint(intents * words, intents * words + 40, (n, length), generator=g)
    topical = intent[:, None] * words + torch.randint(words, (n, length), generator=g)
    ids = torch.where(torch.rand(n, length, generator=g) < 0.45, topical, filler)
    return TensorDataset(ids, intent)


class IntentModel(nn.Module):
    def __init__(self, vocab=115, dim=24, intents=5):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.conv = nn.Conv1d(dim, 32, 3, padding=1)
        self.cls = nn.Linear(32, intents)

    def forward(self, ids):
        h = torch.relu(self.conv(self.emb(ids).transpose(1, 2)))
        return self.cls(h.amax(dim=2))


class Trainer:
    def __init__(self, model, criterion, optimizer, train_loader, val_loader, epochs):
        self.model, self.criterion, self.optimizer = model, criterion, optimizer
        self.train_loader, self.val_loader, self.epochs = train_loader, val_loader, epochs

    def train_step(self, batch):
        ids, intent = batch
        loss = self.criterion(self.model(ids), intent)
        loss.backward()
        self.optimizer.zero_grad()  # fault
        # fixed: self.optimizer.step()
        self.optimizer.step()  # fault
        # fixed: self.optimizer.zero_grad()
        return loss.item()

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        right = total = 0
        for ids, intent in self.val_loader:
            right += (self.model(ids).argmax(1) == intent).sum().item()
            total += len(intent)
        self.model.train()
        return right / total

    def fit(self):
        self.model.train()
        for epoch in range(self.epochs):
            losses = [self.train_step(batch) for batch in self.train_loader]  # here
            mean = sum(losses) / len(losses)
            print(f"epoch {epoch}: loss={mean:.4f} acc={self.evaluate():.3f}")
        return mean


torch.manual_seed(23)
train_loader = DataLoader(messages(1000, seed=1), batch_size=40, shuffle=True)
val_loader = DataLoader(messages(250, seed=2), batch_size=125)
model = IntentModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def train():
    return Trainer(model, loss_fn, optimizer, train_loader, val_loader, epochs=5).fit()


if __name__ == "__main__":
    print(train())
