"""`python -m nbdebug.training.beyond.ray_rank SPEC`: a rank that a worker of Ray's started, and with which it ends."""

from __future__ import annotations

import json
import sys

from nbdebug.training.rank.entry import main
from nbdebug.training.rank.spec import RankSpec

if __name__ == "__main__":
    main(RankSpec(**json.loads(sys.argv[1])))
