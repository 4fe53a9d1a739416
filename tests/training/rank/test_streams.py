"""What a process prints is in its file, whoever printed it and however it ended; the kernel is told of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nbdebug.training.rank import streams

HEAD = f"""
import ctypes, os, runpy, sys, time
from pathlib import Path
Streams = runpy.run_path({streams.__file__!r})["Streams"]  # without the rest of nbdebug, which takes seconds
told = []
streams = Streams(Path(sys.argv[1]), lambda text, skipped: told.append((text, skipped)), kept=int(sys.argv[2]))
"""


def printed(tmp_path: Path, *bodies: str, kept: int = 1 << 30) -> list[tuple[bytes, str]]:
    """What is in the file, and what the program says about what was told; the programs run at once."""
    files = [tmp_path / f"{number}.log" for number in range(len(bodies))]
    started = [
        subprocess.Popen([sys.executable, "-c", HEAD + body, str(file), str(kept)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for file, body in zip(files, bodies, strict=True)
    ]
    for process in started:
        process.wait(240)
    return [(file.read_bytes(), file.with_suffix(".told").read_text() if file.with_suffix(".told").exists() else "") for file in files]


END = """
streams.close()
Path(sys.argv[1]).with_suffix(".told").write_text(repr(told))
"""


def test_whoever_prints_it_is_kept_and_told(tmp_path):
    body = """
print("python é")
print("to stderr", file=sys.stderr)
ctypes.CDLL(None).puts(b"from C")
os.system("echo from a child")
os.write(1, b"\\xff\\xfe not UTF-8\\n")
print("a lone surrogate \\udc80")
os.write(1, "é".encode()[:1]); streams.flush(); os.write(1, "é".encode()[1:] + b"\\n")
"""
    fast = """
began = time.perf_counter()
for number in range(100_000):
    print("line", number)
took = time.perf_counter() - began
"""
    dies = 'print("the last words")\nctypes.CDLL(None).puts(b"and of C")\nos._exit(0)'
    crashes = 'import faulthandler; faulthandler.enable(file=streams.descriptor)\nprint("before it")\nctypes.string_at(0)'
    full = 'os.dup2(os.open("/dev/full", os.O_WRONLY), 1)\nfor _ in range(3):\n    print("lost")\nprint("goes on", file=sys.stderr)'
    (goes_on, _), (mixed, told), (many, told_of_many), (died, _), (crashed, _) = printed(tmp_path, full, body + END, fast + END, dies, crashes)

    assert mixed == b"python \xc3\xa9\nto stderr\nfrom C\nfrom a child\n\xff\xfe not UTF-8\na lone surrogate \\udc80\n\xc3\xa9\n"
    assert "".join(text for text, _ in eval(told)) == mixed.decode("utf-8", "replace")

    assert many == b"".join(b"line %d\n" % number for number in range(100_000))
    told_of_many = eval(told_of_many)
    assert told_of_many[-1][0].endswith("line 99999\n") and max(len(text) for text, _ in told_of_many) <= 16 << 10
    lines = sum(text.count("\n") + skipped for text, skipped in told_of_many)
    assert lines == 100_000

    assert goes_on == b"goes on\n"
    assert died == b"the last words\nand of C\n"
    assert b"before it\nFatal Python error: Segmentation fault" in crashed and b"string_at" in crashed


def test_output_without_end_does_not_fill_the_disk(tmp_path):
    body = """
for number in range(200):
    print("x" * 9999)
    time.sleep(0.005)
"""
    ((content, _),) = printed(tmp_path, body, kept=1 << 20)
    assert (1 << 20) < len(content) < 3 << 19 or b"the output ends here" in content
    assert b"[nbdebug: the output ends here, it is longer than 1 MB]" in content and len(content) < 200 * 10_000
