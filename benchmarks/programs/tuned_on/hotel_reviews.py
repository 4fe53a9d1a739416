"""Guest score (standardised) of a hotel review, a small Electra with a regression head.

code: ND403
also:
object: batch_loss | score | mse_loss | model.score
seen: checkup
"""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from transformers import ElectraConfig, ElectraModel

torch.manual_seed(201)
VOCAB, WORDS = 70, 12
liking = torch.randn(VOCAB)


def reviews(n):
    ids = torch.randint(1, VOCAB, (n, WORDS))
    score = liking[ids].sum(1) + 0.3 * torch.randn(n)
    ids = torch.cat([torch.zeros(n, 1, dtype=torch.long), ids], 1)
    return TensorDataset(ids, (score - score.mean()) / score.std())


class GuestScore(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = ElectraModel(ElectraConfig(
            vocab_size=VOCAB, embedding_size=32, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
            intermediate_size=64, max_position_embeddings=16, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
            initializer_range=0.1))
        self.score = nn.Linear(32, 1)

    def forward(self, ids):
        return self.score(self.encoder(input_ids=ids).last_hidden_state.mean(1))  # here


def batch_loss(setup, batch):
    ids, score = batch
    predicted = setup.model(ids)
    return (predicted - score).square().mean()  # fault
    # fixed: return (predicted.squeeze(-1) - score).square().mean()


model = GuestScore()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
train_loader = DataLoader(reviews(800), batch_size=32, shuffle=True)
val_loader = DataLoader(reviews(160), batch_size=80)


def train():
    run = type("Run", (), {"model": model})
    for epoch in range(6):
        model.train()
        log = []
        for batch in train_loader:
            loss = batch_loss(run, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            log.append(loss.item())
        model.eval()
        with torch.no_grad():
            val = sum(batch_loss(run, b).item() for b in val_loader) / 2
        print(epoch, sum(log) / len(log), val)
    return sum(log) / len(log)


if __name__ == "__main__":
    print(train())
