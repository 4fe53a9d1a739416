"""`torchrun … -m nbdebug.training.rank FOLDER`: a rank that torchrun started; its end is torchrun's."""

from __future__ import annotations

import sys

from nbdebug.training.rank.by_torchrun import train

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: torchrun … -m nbdebug.training.rank FOLDER")
    train(sys.argv[1])
