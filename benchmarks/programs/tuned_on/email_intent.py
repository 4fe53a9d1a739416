"""What does an e-mail want: meeting, invoice, complaint or thanks?  Mean of word vectors, padded batches.

code: ND709
also: ND310
object: optimizer | eps | words.weight | words
seen: both
"""
import random
import torch
from torch import nn

INTENTS = [
    "calendar meet tuesday room agenda invite".split(),
    "invoice pay amount due account transfer".split(),
    "broken refund angry late wrong complaint".split(),
    "thanks great appreciate kind wonderful help".split(),
]
SMALL_TALK = "hello dear we you our with best regards please team the on".split()
WORD = {w: i + 2 for i, w in enumerate(sum(INTENTS, []) + SMALL_TALK)}  # 0 pads, 1 is the unknown word


class Mails(torch.utils.data.Dataset):
    def __init__(self, n, seed):
        r = random.Random(seed)
        self.mail = []
        for _ in range(n):
            k = r.randrange(4)
            words = r.choices(INTENTS[k], k=2) + r.choices(SMALL_TALK, k=r.randint(3, 7)) + r.choices(sum(INTENTS, []), k=1)
            self.mail.append(([WORD[w] for w in words] + [0] * (10 - len(words)), k))

    def __len__(self):
        return len(self.mail)

    def __getitem__(self, i):
        words, intent = self.mail[i]
        return torch.tensor(words), intent


class Intent(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(len(WORD) + 2, 24, padding_idx=0)  # here
        self.out = nn.Sequential(nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 4))

    def forward(self, ids):
        real = (ids != 0).unsqueeze(-1)
        return self.out((self.words(ids) * real).sum(1) / real.sum(1))


torch.manual_seed(3)
model = Intent()
loss_fn = nn.CrossEntropyLoss()
train_loader = torch.utils.data.DataLoader(Mails(600, 1), batch_size=40, shuffle=True)
val_loader = torch.utils.data.DataLoader(Mails(150, 2), batch_size=75)
# "exact" Adam, as in the derivation of our lecture notes
optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=0.0)  # fault
# fixed: optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def train():
    for epoch in range(8):
        model.train()
        for ids, intent in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(ids), intent)
            loss.backward()
            optimizer.step()  # here
        model.eval()
        with torch.no_grad():
            print(epoch, loss.item(), sum((model(i).argmax(1) == t).sum().item() for i, t in val_loader) / 150)
    return loss.item()


if __name__ == "__main__":
    train()
