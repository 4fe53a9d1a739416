"""Guesses the language of a surname with a character RNN.

code: ND402
also:
object: softmax | criterion | loss_fn | RNN
seen: checkup
"""
import random
import string
import torch
import torch.nn as nn
from torch.utils.data import DataLoader

random.seed(77)
torch.manual_seed(77)

endings = {
    "Russian": ["ov", "ev", "sky", "enko", "in"],
    "Italian": ["ini", "etti", "ella", "ucci", "ano"],
    "Japanese": ["moto", "mura", "shi", "kawa", "da"],
    "Polish": ["wicz", "czyk", "czak", "owska", "arz"],
    "Dutch": ["stra", "huis", "dijk", "veld", "beek"],
}
languages = list(endings)
letters = string.ascii_lowercase


def surname(lang):
    stem = "".join(random.choice("bdfgklmnprstvz") + random.choice("aeiou") for _ in range(random.randint(1, 3)))
    return stem + random.choice(endings[lang])


def line_to_tensor(line, length=12):
    tensor = torch.zeros(length, len(letters))
    for i, c in enumerate(line[-length:].rjust(length)):
        if c != " ":
            tensor[i][letters.find(c)] = 1
    return tensor


names = sorted({(surname(l), k) for _ in range(200) for k, l in enumerate(languages)})
random.shuffle(names)
samples = [(line_to_tensor(n), k) for n, k in names]
n_val = len(samples) // 5
train_loader = DataLoader(samples[n_val:], batch_size=16, shuffle=True)
val_loader = DataLoader(samples[:n_val], batch_size=64)


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.rnn = nn.RNN(input_size, hidden_size, batch_first=True)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.Softmax(dim=1)  # fault
        # fixed: self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, line):
        _, hidden = self.rnn(line)
        output = self.h2o(hidden[0])
        return self.softmax(output)  # here


n_hidden = 64
model = RNN(len(letters), n_hidden, len(languages))
loss_fn = nn.NLLLoss()  # here
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)


def category_from_output(output):
    return output.topk(1).indices[:, 0]


def train():
    all_losses = []
    for epoch in range(5):
        model.train()
        current_loss = 0
        for line, category in train_loader:
            output = model(line)
            loss = loss_fn(output, category)  # here
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 3)
            optimizer.step()
            current_loss += loss.item()
        all_losses.append(current_loss / len(train_loader))
        model.eval()
        with torch.no_grad():
            guessed = sum((category_from_output(model(x)) == c).sum().item() for x, c in val_loader)
        print(f"{epoch} loss {all_losses[-1]:.4f} acc {guessed / n_val:.3f}")
    return all_losses[-1]


if __name__ == "__main__":
    print(train())
