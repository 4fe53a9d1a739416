"""Total energies of small molecules from their SMILES strings (GRU over characters, sum pooled).

code: ND112
also:
object: energy | Molecules | energies | targets | label
seen: checkup
"""
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

ATOM_EV = {"C": -41.2, "N": -56.3, "O": -77.1, "F": -101.9}
ALPHABET = {c: i + 1 for i, c in enumerate("CNOF=#()1")}


def molecule(r):
    parts = []
    for _ in range(r.randint(8, 14)):
        atom = r.choices("CNOF", [6, 2, 2, 1])[0]
        bond = r.choice(["", "", "", "=", "#"]) if parts and atom != "F" else ""
        parts.append(f"({bond}{atom})" if r.random() < 0.2 and len(parts) > 1 else bond + atom)
    return "".join(parts)


def total_energy(smiles, r):
    e = sum(ATOM_EV.get(c, 0.0) for c in smiles)
    return e + 2.5 * smiles.count("=") + 4.0 * smiles.count("#") - 1.0 * smiles.count("(") + r.gauss(0, 1.0)


class Molecules(Dataset):
    """energies in eV; `unit` maps them to what the network learns"""

    def __init__(self, n, seed, unit=(0.0, 1.0)):
        r = random.Random(seed)
        self.smiles = [molecule(r) for _ in range(n)]
        self.energy = torch.tensor([total_energy(s, r) for s in self.smiles])
        self.unit = unit

    def __len__(self):
        return len(self.smiles)

    def __getitem__(self, i):
        shift, scale = self.unit
        return torch.tensor([ALPHABET[c] for c in self.smiles[i]]), (self.energy[i] - shift) / scale


def collate(rows):
    strings, energies = zip(*rows)
    lengths = torch.tensor([len(s) for s in strings])
    return (pad_sequence(strings, batch_first=True), lengths), torch.stack(energies)


class SmilesGRU(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.emb = nn.Embedding(len(ALPHABET) + 1, d, padding_idx=0)
        self.gru = nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, 1)

    def forward(self, inputs):
        ids, lengths = inputs
        _, h = self.gru(pack_padded_sequence(self.emb(ids), lengths, batch_first=True, enforce_sorted=False))
        return self.out(h[-1]).squeeze(-1)


torch.manual_seed(0)
plain = Molecules(600, 1)
unit = (0.0, 1.0)  # fault
# fixed: unit = (plain.energy.mean().item(), plain.energy.std().item())
train_loader = DataLoader(Molecules(600, 1, unit), batch_size=30, shuffle=True, collate_fn=collate)  # here
val_loader = DataLoader(Molecules(150, 2, unit), batch_size=75, collate_fn=collate)  # here
model = SmilesGRU()
loss_fn = nn.L1Loss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)


def train():
    for epoch in range(6):
        losses = []
        for inputs, energy in train_loader:
            loss = loss_fn(model(inputs), energy)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        mae = sum(loss_fn(model(i), e).item() for i, e in val_loader) / len(val_loader) * unit[1]
    model.train()
    print("val MAE in eV", mae)
    return sum(losses) / len(losses)


if __name__ == "__main__":
    print(train())
