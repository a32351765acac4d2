"""Text that tries to become more than text: one payload per trick, and where it would leave its trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MARK = "zqx"
"""Stands in every payload but names of objects, so that it is found wherever it goes."""

_TOUCH = "FILE"
_RAN = "window.canary=1"

_PAYLOADS = {
    # Markup
    "script": f"<script>{_RAN}</script>",
    "script that ends its own": f"</script><script>{_RAN}</script>",
    "script in capitals": f"</SCRIPT ><ScRiPt>{_RAN}</sCrIpT>",
    "image": f"<img src=x onerror={_RAN}>",
    "image in an attribute": f'"><img src=x onerror="{_RAN}">',
    "image in a quoted attribute": f"'><img src=x onerror='{_RAN}'>",
    "handler in an attribute": f'" autofocus tabindex=0 onfocus="{_RAN}" x="',
    "svg": f"<svg/onload={_RAN}>",
    "svg with a script": f"<svg><script>{_RAN}</script></svg>",
    "svg in a title": f"</title><svg onload={_RAN}>",
    "details": f"<details open ontoggle={_RAN}>",
    "frame": f"<iframe srcdoc='<script>parent.{_RAN[7:]}</script>'></iframe>",
    "object": "<object data=https://outside.example/x></object>",
    "picture from outside": "<img src=https://outside.example/pixel.png>",
    "style from outside": "<link rel=stylesheet href=https://outside.example/x.css>",
    "refresh": "<meta http-equiv=refresh content='0;url=https://outside.example'>",
    "base": "<base href=https://outside.example/>",
    "form": f"<form action=javascript:{_RAN}><button>press</button></form>",
    "style": "</style><style>*{{display:none}}</style>",
    "style that runs": f"x:expression({_RAN});background:url(javascript:{_RAN})",
    "comment": "<!--",
    "comment and script": "<!--<script>",
    "end of a comment": f"--><script>{_RAN}</script>",
    "data of this page": "<!--data--><!--title-->",
    "character data": f"]]><![CDATA[<script>{_RAN}</script>]]>",
    "address that runs": f"javascript:{_RAN}//",
    "address of data": f"data:text/html,<script>{_RAN}</script>",
    "entities": "&lt;b&gt; &amp;amp; &#60;script&#62; &copy &quot",
    "surrounded template": f"<template><script>{_RAN}</script></template>",
    "noscript": f'<noscript><p title="</noscript><img src=x onerror={_RAN}>">',
    # Templates on the building machine and in the page
    "template, sum": "{{ 7*7 }}",
    "template, command": "{{ cycler.__init__.__globals__.os.popen('touch FILE').read() }}",
    "template, subclasses": "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ ''.__class__.__base__ }}",
    "template, this": "{{ this.get_root().__class__.__init__.__globals__['__builtins__']['exec']('open(\"FILE\",\"w\")') }}",
    "template, statement": "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "template, include": "{% include '/etc/passwd' %}{% raw %}",
    "template, comment": "{# nothing",
    "template, end": "{% endraw %}{% endmacro %}{{ 7*7 }}",
    "format": "{name} {constructor} {__proto__} {0.__class__} %s %(x)s {grade} {area}",
    "script template": f"${{{_RAN}}}",
    "script template, ended": f"`;{_RAN};`${{alert(1)}}",
    "constructor": f"{{{{constructor.constructor('{_RAN}')()}}}}",
    # Quotes and ends
    "quote": "'",
    "double quote": '"',
    "backquote": "`",
    "backslash": "\\",
    "backslashes": "\\\" \\' \\u003cscript\\u003e \\x3cb\\x3e \\n \\",
    "end of a script string": f'";{_RAN};//',
    "end of a script string, single": f"');{_RAN};//",
    "line separator": f"\u2028{_RAN}//\u2029",
    "braces": "}}]}%}#}",
    # The shell, Make, files
    "shell": "$(touch FILE)",
    "shell, backquotes": "`touch FILE`",
    "shell, chain": "; touch FILE & touch FILE | touch FILE",
    "make": "$(shell touch FILE) $$(touch FILE) $@: %.c # \\",
    "way up": "../../../etc/passwd",
    "way from the root": "/etc/passwd",
    "option": "--help -rf",
    # Spreadsheets
    "formula": '=HYPERLINK("https://outside.example","press")',
    "formula, command": "=cmd|' /C calc'!A0",
    "formula, plus": "+1+cmd|' /C calc'!A0",
    "formula, minus": "-2+3+cmd|' /C calc'!A0",
    "formula, at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "formula, tab": "\t=1+1",
    "formula, wide": "＝3+3",
    "formula, after a space": " =2+2",
    "formula, quoted": '"=1+1"',
    "formula, apostrophe": "'=1+1",
    # What is not seen
    "colours of a terminal": "\x1b[31mred\x1b[0m",
    "cursor of a terminal": "\x1b[2K\x1b[1A\x1b]0;title\x07\x9b2J",
    "back and over": "gone\x08\x08\x08\x08here\x0b\x0c\x7f",
    "line forged": "\n  note: all is well\nerror: none",
    "line overwritten": "wrong\rright",
    "right to left": "\u202egnp.exe\u202c \u2067x\u2069 \u200f",
    "no width": "a\u200bb\u200dc\ufeffd\u00ade",
    "combining": "Z\u0351\u036b\u0343a\u0300\u0301\u0302\u0303l\u0334\u0335g\u0336o\u0337",
    "emoji": "\U0001f9ea\U0001f469\u200d\U0001f52c\U0001f1ef\U0001f1f5",
    "Japanese": "南鳥島 コア　７",
    "long": "long " * 800 + "<b>",
    # Names that every object of a page's script has
    "prototype": "__proto__",
    "constructor, bare": "constructor",
    "method": "toString",
}


def payloads(trace: Path | str = "canary") -> dict[str, str]:
    """Payloads by name, each with the mark; commands in them would make the file ``trace``."""
    return {name: _marked(text.replace(_TOUCH, str(trace))) for name, text in _PAYLOADS.items()}


def _marked(text: str) -> str:
    if text in ("__proto__", "constructor", "toString"):
        return text
    # A formula must keep its first character, other tricks their last ones.
    return text + MARK if text.strip(" \t\"'")[:1] in tuple("=+-@＝") else MARK + text


def file_names(trace: Path | str = "canary") -> list[str]:
    """Payloads as names of files: no slash, and not more than a file system takes."""
    return [text.replace("/", "∕").encode()[:200].decode(errors="ignore") for text in payloads(trace).values()]
