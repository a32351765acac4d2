r"""Text that people wrote, on its way out: one function per kind of place, so that it stays text everywhere.

Core ids, notes, file names and titles may hold anything: markup, template syntax, formulas, control characters. Where they go:

=========================== ================================================================================================
place                       what keeps it text
=========================== ================================================================================================
start page                  jinja2 with autoescape (``web/start_page.py``); the template is a file of the program
``<title>`` of a map        ``html.escape`` (``web/panel.py``)
data of a map               ``web.inline.escaped_json`` in a block that is never run; its script shows it by ``textContent``
folium, branca, scripts     nothing a person wrote is given to them: they render what they get as templates
CSV                         :func:`spreadsheet_text` in ``artefacts.formats.write_csv``, undone by ``read_csv``
terminal, raster tags       :func:`printable`
JSON, Parquet, NetCDF       as it is: their formats carry any text
names of files, Make, shell nothing: products are named by element, whose letters the settings limit; Make sees lists and links alone
=========================== ================================================================================================
"""

import re
import unicodedata

from pipeline.errors import PipelineError, RowsRefused

_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Control characters, bidirectional and zero-width marks, halves of characters, line and paragraph separators."""

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}

# Spreadsheets take the wide forms for the narrow ones, and pass over spaces and quotes before them.
_RUN = re.compile(r"""[\s"'＂＇]*[=+\-@＝＋－＠]|[\t\r]""")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def printable(text: str) -> str:
    r"""Text on one line that cannot move the cursor, hide or turn what stands beside it.

    Characters that are not seen are written by their number; all others, Japanese included, stay as they are.

    Examples
    --------
    >>> print(printable("core\x1b[2K\n\u202eerror: none"))
    core\x1b[2K\n\u202eerror: none
    >>> printable("コア 7 <b>")
    'コア 7 <b>'
    """
    return "".join(_shown(character) if unicodedata.category(character) in _UNSEEN else character for character in text)


def printable_message(error: PipelineError) -> str:
    """Message of an error for the terminal: one line, or one per problem where rows were refused; such lines are indented."""
    lines = str(error).split("\n  ") if isinstance(error, RowsRefused) else [str(error)]
    return "\n  ".join(printable(line) for line in lines)


def _shown(character: str) -> str:
    number = ord(character)
    return _NAMED.get(character) or (f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65536 else f"\\U{number:08x}")


def spreadsheet_text(text: str) -> str:
    """Text as a cell that a spreadsheet shows and does not run: an apostrophe goes before what could be a formula; numbers stay numbers.

    Examples
    --------
    >>> spreadsheet_text("=1+1"), spreadsheet_text("-5.2"), spreadsheet_text("A-1")
    ("'=1+1", '-5.2', 'A-1')
    """
    return f"'{text}" if _is_run(text) else text


def text_of_cell(cell: str) -> str:
    """Read back what :func:`spreadsheet_text` made.

    Examples
    --------
    >>> text_of_cell("'=1+1"), text_of_cell("'quoted'")
    ('=1+1', "'quoted'")
    """
    return cell[1:] if cell.startswith("'") and _is_run(cell[1:]) else cell


def _is_run(text: str) -> bool:
    return _RUN.match(text) is not None and _NUMBER.fullmatch(text) is None
