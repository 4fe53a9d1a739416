"""In a real kernel: the cells of a run, compared with those of the next."""

from __future__ import annotations

import json

from nbdebug.training.folder import RunFolder
from nbdebug.training.record import writing
from tests.training.run.notebook import Notebook

NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(x.{function}())
"""
SETUP = """
torch.manual_seed(0)
x = torch.randn(64, 4)
loader = DataLoader(list(zip(x, (x[:, 0] > 0).long())), batch_size=8)
model = Net()
setup = nbdebug.TrainingSetup(model, nn.CrossEntropyLoss(), torch.optim.SGD(model.parameters(), lr={rate}), loader)
"""
LAUNCH = "run = nbdebug.launch(setup, epochs=2, name={name!r}); run.wait(); print(run.id)"


def test_a_changed_cell_is_shown_beside_what_it_was(tmp_path):
    notebook = Notebook(tmp_path / "runs")
    try:
        notebook.cell("token = 'secret'")
        ids = []
        for name, function, rate in (("good", "tanh", 0.1), ("bad", "sigmoid", 0.1)):
            notebook.cell(NET.format(function=function))
            notebook.cell(SETUP.format(rate=rate))
            ids.append(notebook.cell(LAUNCH.format(name=name)).split()[-1])
        kept = {text["name"]: text["source"] for text in writing.read(RunFolder(tmp_path / "runs" / ids[0]))["sources"]}
        assert list(kept) == ["In[1]", "In[3]", "In[4]"] and "tanh" in kept["In[3]"]
        told = notebook.cell(f"import json; print(json.dumps(nbdebug.compare_runs({ids[0]!r}, {ids[1]!r}).to_dict()['result']))")
        result = json.loads(told.splitlines()[-1])
        assert [change["what"] for change in result["changes"] if change["kind"] == "code"] == ["cell In[3] → In[6]"]
        assert "+        return self.head(x.sigmoid())" in result["diffs"][0]["text"] and "x.sigmoid()" in result["sentence"]
        assert "good" in notebook.cell("print(nbdebug.runs())")
    finally:
        notebook.close()
