"""Where the ranks meet: a file in a folder for its owner alone. A server would have to ask for a password, and torch's own knows none."""

from __future__ import annotations

from nbdebug.errors import LaunchError
from nbdebug.training.local import short_path


class Store:
    """The folder of torch's FileStores of one run, a file an attempt."""

    def __init__(self) -> None:
        try:
            self.path = short_path.folder("meeting")  # not the run's: that may lie where files cannot be locked
        except OSError as error:
            raise LaunchError(f"no folder for temporary files could be made in which the ranks meet ({error}): set TMPDIR to one that can be written") from error

    def close(self) -> None:
        """Nothing of it stays."""
        short_path.leave(self.path)
