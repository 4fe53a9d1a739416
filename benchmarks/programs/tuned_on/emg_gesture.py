"""Hand gestures from eight EMG electrodes (rms features), with a running accuracy for model choice.

code: ND708
also:
object: accs | acc | evaluate | val_acc | accuracy | val_loader
seen: watch
"""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(33)
GESTURES = ["rest", "fist", "flexion", "extension", "pinch", "spread"]


def session(n=650):
    pattern = torch.rand(len(GESTURES), 8) * 1.4
    y = torch.randint(len(GESTURES), (n,))
    effort = 0.6 + 0.8 * torch.rand(n, 1)
    rms = pattern[y] * effort + 0.28 * torch.randn(n, 8)
    return (rms - 0.7) / 0.55, y


full = TensorDataset(*session())
train_set, val_set = random_split(full, [520, 130])
train_loader = DataLoader(train_set, batch_size=40, shuffle=True)
val_loader = DataLoader(val_set, batch_size=64)  # here

model = nn.Sequential(nn.Linear(8, 40), nn.Hardswish(), nn.Linear(40, len(GESTURES)))
loss_fn = nn.CrossEntropyLoss(label_smoothing=0.05)
optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)


@torch.no_grad()
def evaluate():
    model.eval()
    accs = []
    for rms, gesture in val_loader:
        pred = model(rms).argmax(1)
        accs.append((pred == gesture).float().mean().item())  # fault
        # fixed: accs.extend((pred == gesture).float().tolist())
    return sum(accs) / len(accs)  # here


def train(epochs=12):
    best = 0.0
    for epoch in range(epochs):
        model.train()
        epoch_loss, seen = 0.0, 0
        for rms, gesture in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(rms), gesture)
            loss.backward()
            optimizer.step()
            epoch_loss += loss.item() * len(rms)
            seen += len(rms)
        val_acc = evaluate()  # here
        if val_acc > best:
            best, best_state = val_acc, {k: v.clone() for k, v in model.state_dict().items()}
        print(f"epoch {epoch} loss {epoch_loss / seen:.3f} val acc {val_acc:.3f} (best {best:.3f})")
    return epoch_loss / seen


if __name__ == "__main__":
    print(train())
