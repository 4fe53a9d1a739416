"""In a real kernel: the same weights as our own engine, with everything defined in cells, and the line of an error."""

from __future__ import annotations

import pytest

from tests.ray.conftest import STARTS
from tests.training.run.notebook import Notebook

CELL = """
from dataclasses import dataclass

@dataclass
class Batch:
    x: torch.Tensor
    y: torch.Tensor

class Squares(Dataset):
    def __len__(self): return 64
    def __getitem__(self, n): return torch.full((4,), n / 64), torch.tensor(n % 2)

def collate(samples):
    return Batch(torch.stack([x for x, _ in samples]), torch.stack([y for _, y in samples]))

def loss_of(setup, batch):
    return nn.functional.cross_entropy(setup.model(batch.x), batch.y)

def make():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))
    loader = DataLoader(Squares(), batch_size=4, num_workers=2, shuffle=True, collate_fn=collate)
    return nbdebug.TrainingSetup(model, None, torch.optim.SGD(model.parameters(), lr=0.1), loader, batch_loss=loss_of)
"""

BOTH = """
trained = []
for engine in ("ray", "local"):
    setup = make()
    run = nbdebug.launch(setup, epochs=2, num_processes=2, engine=engine, wait=True)
    trained.append([p.detach().clone() for p in setup.model.parameters()])
    assert run.state == "done" and run.step == 16, run
before = [p.detach() for p in make().model.parameters()]
print(all(map(torch.equal, *trained)), any(map(torch.equal, trained[0], before)), any(name.split(".")[0] == "ray" for name in sys.modules))
"""

RAISES = """from nbdebug.errors import RankFailed

def raises(ctx):
    model = ctx.wrap(nn.Linear(4, 2))
    for step in range(1, 10):
        model(torch.randn(8, 4)).sum().backward()
        ctx.log(step=step, loss=0.0)
        if ctx.rank == 1 and step == 3:
            raise ValueError("bad sample 7")

try:
    nbdebug.launch(raises, num_processes=2, engine="ray", wait=True)
except RankFailed as failed:
    print(failed.rank, failed, failed.traceback, sep="\\n")
"""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    started = Notebook(tmp_path_factory.mktemp("kernel") / "runs")
    started.cell(CELL)
    yield started
    started.close()


def test_the_weights_are_those_of_our_own_engine(notebook):
    assert notebook.cell(BOTH, STARTS).split() == ["True", "False", "False"]


def test_an_exception_names_rank_and_line_of_the_cell(notebook):
    rank, sentence, *traceback = notebook.cell(RAISES, STARTS).splitlines()
    assert rank == "1" and sentence.startswith("rank 1 raised ValueError at step 3: bad sample 7") and 'raise ValueError("bad sample 7")' in sentence
    text = "\n".join(traceback)
    assert "Cell In[" in text and "line 9, in raises" in text and "ray" not in text and text.strip().endswith("ValueError: bad sample 7")
