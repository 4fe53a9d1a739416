"""Tags every token of a postal address (name, street, number, city, code, other) with a BiLSTM.

code: ND304
also: ND402
object: forward | log_softmax | hidden2tag | LSTMTagger
seen: checkup
"""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

TAGS = ["NAME", "STREET", "NUMBER", "CITY", "CODE", "OTHER"]
WORDS_PER_TAG, LENGTH = 15, 9
ORDERS = [[0, 0, 1, 1, 2, 4, 3, 5, 5], [0, 0, 5, 1, 2, 5, 4, 3, 3], [5, 0, 0, 2, 1, 1, 3, 3, 4]]


class Addresses(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        tags = torch.tensor(ORDERS)[torch.randint(3, (n,), generator=g)]
        words = tags * WORDS_PER_TAG + torch.randint(WORDS_PER_TAG, (n, LENGTH), generator=g)
        unknown = torch.rand(n, LENGTH, generator=g) < 0.15  # misspelt
        self.words = words.masked_fill(unknown, len(TAGS) * WORDS_PER_TAG)
        self.tags = tags

    def __len__(self):
        return len(self.words)

    def __getitem__(self, i):
        return self.words[i], self.tags[i]


class LSTMTagger(nn.Module):
    def __init__(self, embedding_dim=24, hidden_dim=24):
        super().__init__()
        self.word_embeddings = nn.Embedding(len(TAGS) * WORDS_PER_TAG + 1, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.hidden2tag = nn.Linear(2 * hidden_dim, len(TAGS))

    def forward(self, sentence):
        lstm_out, _ = self.lstm(self.word_embeddings(sentence))
        tag_space = self.hidden2tag(lstm_out)
        tag_scores = F.log_softmax(tag_space, dim=1)  # fault
        # fixed: tag_scores = F.log_softmax(tag_space, dim=2)
        return tag_scores


class TokenLoss(nn.Module):
    def forward(self, tag_scores, tags):
        return F.nll_loss(tag_scores.flatten(0, 1), tags.flatten())  # here


torch.manual_seed(1)
train_loader = DataLoader(Addresses(800, seed=1), batch_size=40, shuffle=True)
val_loader = DataLoader(Addresses(200, seed=2), batch_size=100)
model = LSTMTagger()
loss_fn = TokenLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def train():
    for epoch in range(4):
        model.train()
        total = 0.0
        for sentence, tags in train_loader:
            model.zero_grad()
            tag_scores = model(sentence)
            loss = loss_fn(tag_scores, tags)
            loss.backward()
            optimizer.step()
            total += loss.item()
        model.eval()
        with torch.no_grad():
            right = torch.cat([(model(s).argmax(-1) == t).flatten() for s, t in val_loader])
        print(epoch, "loss", round(total / len(train_loader), 4), "token accuracy", round(right.float().mean().item(), 3))
    return total / len(train_loader)


if __name__ == "__main__":
    print(train())
