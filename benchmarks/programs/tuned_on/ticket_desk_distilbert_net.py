"""Send help-desk tickets to the right one of ten desks with a small DistilBERT.

code: ND306
also: ND702 | ND608
object: dropout | F | forward | TicketRouter
seen: both
"""
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import DistilBertConfig, DistilBertModel

torch.manual_seed(14)
DESKS, WORDS, LENGTH = 10, 90, 12
desk = torch.randint(0, DESKS, (900,))
common = torch.randint(1 + 40, WORDS, (900, LENGTH))
typical = 1 + desk[:, None] * 4 + torch.randint(0, 4, (900, LENGTH))
ticket = torch.where(torch.rand(900, LENGTH) < 0.35, typical, common)
train_loader = DataLoader(TensorDataset(ticket[:720], desk[:720]), batch_size=24, shuffle=True)
val_loader = DataLoader(TensorDataset(ticket[720:], desk[720:]), batch_size=60)


class TicketRouter(nn.Module):
    def __init__(self):
        super().__init__()
        config = DistilBertConfig(vocab_size=WORDS, max_position_embeddings=LENGTH, dim=32, hidden_dim=64,
                                  n_layers=1, n_heads=4, dropout=0.0, attention_dropout=0.0)
        self.encoder = DistilBertModel(config)
        self.squeeze = nn.Linear(32, 12)
        self.head = nn.Linear(12, DESKS)

    def forward(self, input_ids):
        states = self.encoder(input_ids=input_ids).last_hidden_state
        pooled = torch.relu(self.squeeze(states.mean(1)))
        pooled = F.dropout(pooled, p=0.5)  # fault
        # fixed: pooled = F.dropout(pooled, p=0.5, training=self.training)
        return self.head(pooled)


model = TicketRouter()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(10):
        model.train()
        for ids, target in train_loader:
            optimizer.zero_grad()
            loss_fn(model(ids), target).backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = torch.cat([model(ids) for ids, _ in val_loader])
        again = torch.cat([model(ids) for ids, _ in val_loader])
    print("val loss", round(loss_fn(logits, desk[720:]).item(), 4),
          "accuracy", (logits.argmax(1) == desk[720:]).float().mean().item(),
          "changed their mind:", (logits.argmax(1) != again.argmax(1)).sum().item())


if __name__ == "__main__":
    train()
