"""Is a hotel review a complaint? A small ELECTRA reads its words.

code: ND304
also: ND301
object: log_softmax | softmax | dim | forward | ReviewNet | logits
seen: both
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset
from transformers import ElectraConfig, ElectraModel

torch.manual_seed(29)
WORDS, LENGTH = 60, 20
ANGRY, PLEASED = range(1, 6), range(6, 11)
reviews = torch.randint(11, WORDS, (1000, LENGTH))
complaint = torch.randint(0, 2, (1000,))
for row, bad in zip(reviews, complaint):       # two or three telling words in each review
    for spot in torch.randperm(LENGTH)[: 2 + int(torch.rand(1) < 0.5)]:
        row[spot] = (ANGRY if bad else PLEASED)[int(torch.randint(0, 5, (1,)))]
train_loader = DataLoader(TensorDataset(reviews[:800], complaint[:800]), batch_size=32, shuffle=True)
val_loader = DataLoader(TensorDataset(reviews[800:], complaint[800:]), batch_size=40)

config = ElectraConfig(vocab_size=WORDS, embedding_size=32, hidden_size=32, num_hidden_layers=1,
                       num_attention_heads=4, intermediate_size=64, max_position_embeddings=LENGTH,
                       type_vocab_size=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
                       initializer_range=0.1)


class ReviewNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = ElectraModel(config)
        self.verdict = nn.Linear(32, 2)

    def forward(self, ids):
        words = self.body(input_ids=ids).last_hidden_state
        logits = self.verdict(words.mean(1))
        return F.log_softmax(logits, dim=0)  # fault
        # fixed: return F.log_softmax(logits, dim=1)


model = ReviewNet()
loss_fn = nn.NLLLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def train():
    for epoch in range(6):
        model.train()
        for ids, target in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), target)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        out = torch.cat([model(ids) for ids, _ in val_loader])
    flagged = out[:, 1].exp() > 0.5            # sent to the manager if probably a complaint
    print("val loss", loss_fn(out, complaint[800:]).item(),
          "flagged rightly", (flagged == (complaint[800:] == 1)).float().mean().item())


if __name__ == "__main__":
    train()
