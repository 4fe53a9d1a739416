"""Good or bad app review: a small GPT-2 backbone and a linear head.

code: ND303
also:
object: last_hidden_state | summary | forward | head
seen: checkup
"""
import os
os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import GPT2Config, GPT2Model

torch.manual_seed(13)


class Reviews(Dataset):
    """Tokens 3..12 are praise, 13..22 are blame, 23..39 are neutral."""
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.rows = []
        for _ in range(n):
            label = int(torch.randint(0, 2, (1,), generator=g))
            ids = torch.randint(23, 40, (16,), generator=g)
            spots = torch.randperm(15, generator=g)[:3] + 1
            ids[spots] = torch.randint(0, 10, (3,), generator=g) + (3 if label else 13)
            self.rows.append({"input_ids": ids, "labels": torch.tensor(label)})

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


class ReviewModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = GPT2Model(GPT2Config(vocab_size=40, n_positions=16, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0))
        self.head = nn.Linear(32, 2)

    def forward(self, input_ids):
        hidden = self.backbone(input_ids=input_ids).last_hidden_state
        summary = hidden[:, 0]  # fault
        # fixed: summary = hidden[:, -1]
        return self.head(summary)  # here


class Trainer:
    def __init__(self, model, optimizer, loss_fn):
        self.model, self.optimizer, self.loss_fn = model, optimizer, loss_fn

    def loss(self, batch):
        return self.loss_fn(self.model(batch["input_ids"]), batch["labels"])

    def fit(self, loader, epochs):
        self.model.train()
        seen = []
        for _ in range(epochs):
            for batch in loader:
                loss = self.loss(batch)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                seen.append(loss.item())
        return sum(seen[-10:]) / 10

    @torch.no_grad()
    def score(self, loader):
        self.model.eval()
        hits = [self.model(b["input_ids"]).argmax(1) == b["labels"] for b in loader]
        return torch.cat(hits).float().mean().item()


train_loader = DataLoader(Reviews(600, 0), batch_size=30, shuffle=True)
val_loader = DataLoader(Reviews(150, 1), batch_size=50)
model = ReviewModel()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def batch_loss(setup, batch):
    return loss_fn(setup.model(batch["input_ids"]), batch["labels"])


def train():
    trainer = Trainer(model, optimizer, loss_fn)
    last = trainer.fit(train_loader, epochs=6)
    print("validation accuracy", trainer.score(val_loader))
    return last


if __name__ == "__main__":
    print(train())
