"""Scores of student essays (cohesion, grammar) with a small BERT, fine-tuned end to end.

code: ND501
also: ND601
object: bert | encoder | EssayModel | bert.embeddings.word_embeddings.weight | no_grad | bert.encoder
seen: both
"""
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import BertConfig, BertModel, get_cosine_schedule_with_warmup

np.random.seed(2022)
torch.manual_seed(2022)
CLS, PAD, FIRST = 1, 0, 2
VOCAB, MAX_LEN = 60, 20
CONNECTIVES, ERRORS = range(2, 12), range(12, 22)


class EssayDataset(Dataset):
    def __init__(self, n):
        self.ids, self.y = [], []
        for _ in range(n):
            length = np.random.randint(8, MAX_LEN)
            a, b = np.random.beta(1, 1, 2) * 0.45
            words = [np.random.choice(CONNECTIVES) if u < a else np.random.choice(ERRORS) if u < a + b
                     else np.random.randint(22, VOCAB) for u in np.random.rand(length)]
            share = [np.mean([w in CONNECTIVES for w in words]), np.mean([w in ERRORS for w in words])]
            self.ids.append([CLS] + [int(w) for w in words])
            self.y.append([5 * (share[0] - 0.225), -5 * (share[1] - 0.225)])

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        ids = torch.full((MAX_LEN,), PAD)
        ids[:len(self.ids[i])] = torch.tensor(self.ids[i])
        return {"input_ids": ids, "attention_mask": (ids != PAD).long()}, torch.tensor(self.y[i], dtype=torch.float32)


class MeanPooling(nn.Module):
    def forward(self, hidden, mask):
        m = mask.unsqueeze(-1).float()
        return (hidden * m).sum(1) / m.sum(1).clamp(min=1e-9)


class EssayModel(nn.Module):
    def __init__(self):
        super().__init__()
        cfg = BertConfig(vocab_size=VOCAB, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                         intermediate_size=64, max_position_embeddings=MAX_LEN, hidden_dropout_prob=0.0,
                         attention_probs_dropout_prob=0.0)
        self.bert = BertModel(cfg, add_pooling_layer=False)
        self.pool = MeanPooling()
        self.fc = nn.Linear(32, 2)

    @torch.no_grad()  # fault
    # fixed:
    def feature(self, inputs):
        return self.pool(self.bert(**inputs).last_hidden_state, inputs["attention_mask"])  # here

    def forward(self, inputs):
        feature = self.feature(inputs)  # here
        return self.fc(feature)


train_loader = DataLoader(EssayDataset(480), batch_size=24, shuffle=True)
val_loader = DataLoader(EssayDataset(120), batch_size=60)
model = EssayModel()
loss_fn = nn.SmoothL1Loss()
EPOCHS = 4
optimizer = torch.optim.AdamW([{"params": model.bert.parameters(), "lr": 1e-3},
                               {"params": model.fc.parameters(), "lr": 3e-3}], weight_decay=0.01)
scheduler = get_cosine_schedule_with_warmup(optimizer, 10, EPOCHS * len(train_loader) + 1)


def train():
    for epoch in range(EPOCHS):
        model.train()
        losses = []
        for inputs, labels in train_loader:
            loss = loss_fn(model(inputs), labels)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1000)
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            v = [(model(i) - y).pow(2).mean(0) for i, y in val_loader]
        print(f"Epoch {epoch + 1} - train {np.mean(losses):.4f} MCRMSE {torch.stack(v).mean(0).sqrt().mean():.4f}")
    return float(np.mean(losses))


if __name__ == "__main__":
    print(train())
