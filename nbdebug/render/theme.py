"""Colours for light and dark, and the style sheet of a fragment and of a whole document.

The hues are told apart with any colour vision (blue, vermilion, amber, blue-green: after Okabe and Ito 2008),
and each has a contrast of at least 4.5 against the page. Severity is also said in words and by how a chip is filled.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

LIGHT = {
    "error": "#b42318", "on-error": "#ffffff", "warning": "#8a5200", "info": "#1d5f9e", "sound": "#13684f",
    "s0": "#0068a8", "s1": "#c04a00", "s2": "#007a59", "s3": "#a8447f", "heat": "#08519c", "cold": "#b84a00",
}  # fmt: skip
DARK = {
    "error": "#ff8d7e", "on-error": "#2b0a06", "warning": "#f0b04a", "info": "#86bdf5", "sound": "#6fd0ad",
    "s0": "#5eb1f2", "s1": "#ff9356", "s2": "#45cda0", "s3": "#ee9fcb", "heat": "#7cc0ff", "cold": "#ffa064",
}  # fmt: skip
SERIES = 4  # colours before the dashes change

_DARK_HOSTS = (  # how each front end says that it is dark: JupyterLab, nbconvert; VS Code; Colab; Sphinx
    '[data-jp-theme-light="false"]',
    'body[data-vscode-theme-kind="vscode-dark"]',
    'body[data-vscode-theme-kind="vscode-high-contrast"]',
    "body.vscode-dark",
    "html[theme=dark]",
    "[data-theme=dark]",
)


@cache
def fragment_css() -> str:
    """The style of everything inside `.nbd`; it follows the notebook's theme."""
    dark = ",".join(f"{host} .nbd" for host in _DARK_HOSTS)
    return f".nbd{{{_variables(LIGHT)}}}{dark}{{{_variables(DARK)}}}{_sheet('report.css')}"


@cache
def document_css() -> str:
    """The style of a standalone page, which follows the browser's preference."""
    return f"{_sheet('document.css')}@media (prefers-color-scheme:dark){{.nbd{{{_variables(DARK)}}}}}"


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--nbd-{name}:{colour};" for name, colour in colours.items())


def _sheet(name: str) -> str:
    """A style sheet of this folder, on few lines and without comments: it travels with every output."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return "\n".join(line.strip() for line in lines if line.strip() and not line.strip().startswith("/*"))
