"""Fish weight from measurements at the landing dock (a table); quantile-free plain regression with Huber.

code: ND108
also:
object: train_loader | frame | sort_values | load_catch | loader | sampler
seen: checkup
"""
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, SequentialSampler

COLUMNS = ["length", "height", "girth", "species_bream", "species_pike", "month_sin", "month_cos"]


def load_catch(n=1500, seed=4):
    rng = np.random.default_rng(seed)
    length = rng.normal(32, 8, n).clip(8)
    species = rng.integers(0, 3, n)
    height = length * np.choose(species, [0.40, 0.17, 0.28]) + rng.normal(0, 0.5, n)
    girth = height * 2.2 + rng.normal(0, 0.6, n)
    month = rng.integers(0, 12, n)
    weight = 0.012 * length * height * girth * (1 + 0.05 * np.sin(month / 6 * np.pi)) * rng.lognormal(0, 0.05, n)
    frame = pd.DataFrame({
        "length": length, "height": height, "girth": girth,
        "species_bream": species == 0, "species_pike": species == 1,
        "month_sin": np.sin(month / 6 * np.pi), "month_cos": np.cos(month / 6 * np.pi),
        "log_weight": np.log(weight.clip(1)),
    }).astype("float32")
    held_out = frame.sample(frac=0.2, random_state=0)
    rest = frame.drop(held_out.index)
    # heaviest last, so that the report's percentiles are easy to cut
    return rest.sort_values("log_weight").reset_index(drop=True), held_out.reset_index(drop=True)  # here


class Catch(Dataset):
    def __init__(self, frame, stats):
        x = (frame[COLUMNS] - stats[0][COLUMNS]) / stats[1][COLUMNS]
        y = (frame["log_weight"] - stats[0]["log_weight"]) / stats[1]["log_weight"]
        self.x, self.y = torch.tensor(x.values), torch.tensor(y.values)[:, None]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


def loader(data, training, size=32):
    order = SequentialSampler(data)  # fault
    # fixed: order = RandomSampler(data) if training else SequentialSampler(data)
    return DataLoader(data, sampler=BatchSampler(order, size, drop_last=False), batch_size=None)


torch.manual_seed(0)
catch, held_out = load_catch()
stats = catch.mean(), catch.std()
train_loader = loader(Catch(catch, stats), True)  # here
val_loader = loader(Catch(held_out, stats), False)

model = nn.Sequential(nn.Linear(len(COLUMNS), 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))
loss_fn = nn.HuberLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)


def train():
    for epoch in range(6):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
    model.eval()
    with torch.no_grad():
        errors = torch.cat([nn.functional.huber_loss(model(x), y, reduction="none") for x, y in val_loader])
    model.train()
    print("validation", errors.mean().item())
    return loss.item()


if __name__ == "__main__":
    print(train())
