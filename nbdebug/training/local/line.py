"""The kernel's end of the pipe to a rank: JSON messages, and never a wait, whatever the rank does."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

AT_ONCE = 1 << 20  # bytes read before anybody else has his turn; our choice: about 5 ms of parsing
SHORT, LONG = struct.Struct("!i"), struct.Struct("!Q")  # how multiprocessing frames its messages; LONG follows a SHORT of -1


class Line:
    """Messages to and from one rank.

    `Connection.recv_bytes` would wait for the rest of a message, for ever when the rank was stopped in the middle of writing it.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.closed = False  # by the other end
        self._received, self._unsent = bytearray(), bytearray()
        self._waits = os.name != "posix"  # a pipe of Windows has no descriptor that could be read in parts
        if not self._waits:
            os.set_blocking(connection.fileno(), False)

    def read(self) -> list[dict[str, Any]]:
        """What has arrived, as far as it is whole."""
        messages = [self.connection.recv_bytes()] if self._waits and self._readable() else []
        if not self._waits:
            self._fill()
            messages = list(iter(self._next, None))
        return [message for text in messages if isinstance(message := _parsed(text), dict)]

    def send(self, message: Mapping[str, Any]) -> None:
        """Sends, or keeps what the pipe does not take until `flush`."""
        text = json.dumps(message).encode()
        if self._waits:
            self.connection.send_bytes(text)
            return
        self._unsent += SHORT.pack(len(text)) + text
        self.flush()

    def flush(self) -> None:
        """Tries again to send what is left."""
        try:
            while self._unsent and not self.closed:
                del self._unsent[: os.write(self.connection.fileno(), self._unsent)]
        except BlockingIOError:
            return
        except OSError:  # nobody is there any more; its death is seen elsewhere
            self._unsent.clear()

    def close(self) -> None:
        self.connection.close()

    def _readable(self) -> bool:
        try:
            return self.connection.poll()
        except (EOFError, OSError):
            self.closed = True
            return False

    def _fill(self) -> None:
        try:
            while not self.closed and len(self._received) < AT_ONCE:
                part = os.read(self.connection.fileno(), 1 << 16)
                self._received += part
                self.closed = not part
        except BlockingIOError:
            return
        except OSError:
            self.closed = True

    def _next(self) -> bytes | None:
        """One whole message off the front of what was received."""
        held = self._received
        if len(held) < SHORT.size:
            return None
        (length,), start = SHORT.unpack_from(held), SHORT.size
        if length == -1:
            if len(held) < start + LONG.size:
                return None
            (length,), start = LONG.unpack_from(held, start), start + LONG.size
        if len(held) < start + length:
            return None
        text = bytes(held[start : start + length])
        del held[: start + length]
        return text


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
