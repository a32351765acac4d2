"""Make a page whole: every script and style inside it, nothing fetched, and a policy that lets nothing else run.

The policy is written last, from the hashes of what the page really holds.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from pipeline.errors import WebError

VENDORED = "vendored:"
"""Starts the only script and style addresses a page may name: ``vendored:<file in the manifest>``."""

OWN = "own:"
"""Starts the address of a script or style of this package: ``own:<file>``."""

_FOLDER = Path(__file__).parent
_FETCHED = {
    # attribute: tags on which a browser fetches it; None for all
    "src": None,
    "srcset": None,
    "poster": None,
    "background": None,
    "data": {"object"},
    "href": {"link", "use", "image", "feimage", "base"},
    "xlink:href": None,
    "action": None,
    "formaction": None,
    "manifest": None,
    "codebase": None,
    "ping": None,
}
_CSS_ADDRESS = re.compile(r"""@import\s+(?:url\(\s*)?["']?([^"')\s;]+)|(?:url|image-set|src)\(\s*["']?([^"')]*)""", re.IGNORECASE)
_SCRIPT_ADDRESS = re.compile(r"""["'`(\s](?:https?:|wss?:|ftp:)?//[\w.-]+\.\w+[^"'`\s]*|\bimport\s*\(""", re.IGNORECASE)
_NAMESPACES = ("http://www.w3.org/",)
_FOLIUM_NAME = re.compile(r"\b([a-z]+(?:_[a-z]+)*_)([0-9a-f]{32})\b")
_EXECUTED = {"", "text/javascript", "module", "application/javascript"}


def escaped_json(value: Any) -> str:
    r"""JSON that is safe inside a script element: no character in it can end the element or open another.

    Parameters
    ----------
    value
        Anything JSON can hold; NaN and infinity are refused.

    Raises
    ------
    ValueError
        A number is not finite.

    Examples
    --------
    >>> print(escaped_json("</script>"))
    "\u003c/script\u003e"
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def json_block(name: str, value: Any) -> str:
    """Script element that carries data and is never run; the page reads it with ``JSON.parse``."""
    if re.fullmatch(r"[a-z][a-z-]*", name) is None:
        msg = f"{name!r} is no name of a data block"
        raise ValueError(msg)
    return f'<script type="application/json" id="{name}">{escaped_json(value)}</script>'


def self_contained(html: str) -> str:
    """Put scripts and styles into a page, and add the content-security policy.

    Parameters
    ----------
    html : str
        Page with a ``head`` element. Scripts and styles are named ``vendored:…`` or ``own:…``.

    Returns
    -------
    str
        The same page, needing nothing outside itself; the same input gives the same bytes.

    Raises
    ------
    WebError
        The page names an address that a browser would fetch, carries a handler as attribute, or a vendored file is not what the manifest says.
    """
    if re.search(r"<meta[^>]+http-equiv=[\"']?content-security-policy", html, re.IGNORECASE):
        msg = "the page already has a content-security policy; it must be written once, last"
        raise WebError(msg)
    page = _Inliner()
    page.feed(html.replace("\r\n", "\n").replace("\r", "\n"))
    page.close()
    whole = "".join(page.out)
    head = re.search(r"<head[^>]*>", whole)
    if head is None:
        msg = "the page has no head element to carry its policy"
        raise WebError(msg)
    # First in the head: a policy binds only what comes after it.
    meta = f'\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{_policy(page.scripts, page.styles)}">'
    return whole[: head.end()] + meta + whole[head.end() :]


def numbered(html: str) -> str:
    """Folium names its objects by 32 random digits; count them in order of appearance instead.

    Only for what folium made: a core may be called like one of its objects.
    """
    numbers: dict[str, int] = {}
    return _FOLIUM_NAME.sub(lambda found: f"{found[1]}{numbers.setdefault(found[2], len(numbers) + 1)}", html)


def _policy(scripts: list[str], styles: list[str]) -> str:
    def hashes(texts: list[str]) -> str:
        digests = sorted({base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts})
        return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"

    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes(scripts)}",
            f"style-src-elem {hashes(styles)}",
            # Leaflet places everything by style attributes; they cannot run anything.
            "style-src-attr 'unsafe-inline'",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


class _Inliner(HTMLParser):
    """Copies a page piece by piece, replacing known addresses and refusing unknown ones."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.out: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self._inside: str | None = None
        self._executed = False
        self._collected: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        source = self.get_starttag_text() or ""
        if tag == "script" and "src" in attributes:
            self._embed_script(attributes["src"])
            return
        if tag == "link":
            self._embed_link(attributes)
            return
        if tag == "meta" and attributes.get("charset"):
            return  # written once, with the policy
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "content-type":
            return
        self._check(tag, attributes)
        self.out.append(source)
        if tag in ("script", "style"):
            self._inside, self._collected = tag, []
            self._executed = tag == "style" or attributes.get("type", "").strip().lower() in _EXECUTED

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._inside == tag:
            self._finish("".join(self._collected))
        if tag == "script" and self.out and self.out[-1] == _CLOSED:
            self.out[-1] = ""
            return
        if tag != "link":
            self.out.append(f"</{tag}>")

    def _finish(self, text: str) -> None:
        if self._inside == "style":
            check_style(text)
            self.styles.append(text)
        elif self._executed:
            check_script(text)
            self.scripts.append(text)
        self.out.append(text)
        self._inside = None

    def handle_data(self, data: str) -> None:
        (self._collected if self._inside else self.out).append(data)

    def handle_entityref(self, name: str) -> None:
        self.out.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.out.append(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")

    def unknown_decl(self, data: str) -> None:
        msg = f"the page holds <![{data}]>, which browsers read in different ways; write it as text"
        raise WebError(msg)

    def _embed_script(self, address: str) -> None:
        text = embedded_text(address)
        if not address.startswith(VENDORED):
            check_script(text)
        self.scripts.append(text)
        self.out += [f"<script>{text}</script>", _CLOSED]

    def _embed_link(self, attributes: dict[str, str]) -> None:
        address = attributes.get("href", "")
        if attributes.get("rel", "").lower() != "stylesheet":
            if address.startswith("data:"):
                self.out.append(self.get_starttag_text() or "")
                return
            msg = f"the page links to {address or 'nothing'}, which a browser would fetch. Put it into pipeline/web or leave it out."
            raise WebError(msg)
        text = embedded_text(address)
        check_style(text)
        self.styles.append(text)
        self.out.append(f"<style>{text}</style>")

    def _check(self, tag: str, attributes: dict[str, str]) -> None:
        for name, value in attributes.items():
            if name.startswith("on"):
                msg = f"<{tag} {name}=…>: the policy forbids handlers in attributes; add a listener in a script"
                raise WebError(msg)
            if name == "style":
                check_style(value)
            if name in _FETCHED and tag in (_FETCHED[name] or {tag}) and not _is_inside(value):
                msg = f"<{tag} {name}={value!r}> would be fetched. Embed it, or take it out of the page."
                raise WebError(msg)
        if tag in ("iframe", "frame", "embed", "object", "base"):
            msg = f"<{tag}> is not allowed in a page that must open anywhere"
            raise WebError(msg)
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "refresh":
            msg = f"<meta http-equiv=refresh content={attributes.get('content', '')!r}> would leave the page"
            raise WebError(msg)


_CLOSED = "\0"
"""Marks that a script was embedded with its end tag, so that the end tag of the source is dropped."""


def _is_inside(address: str) -> bool:
    return address == "" or address.startswith(("#", "data:image/", "data:font/"))


def check_style(text: str) -> None:
    """Refuse a style that would fetch something.

    Raises
    ------
    WebError
        An ``@import``, or a ``url()`` that is neither embedded data nor a part of the page.
    """
    for found in _CSS_ADDRESS.finditer(text):
        address = (found[1] or found[2] or "").strip()
        if found[1] is not None or not _is_inside(address):
            msg = f"a style names {address!r}, which a browser would fetch. Embed it as data or leave it out."
            raise WebError(msg)


def check_script(text: str) -> None:
    """Refuse a script of ours, or of folium's templates, that names an outside address.

    Raises
    ------
    WebError
        The script holds an address that is no XML namespace. Data do not belong into scripts: put them into a data block.
    """
    for found in _SCRIPT_ADDRESS.finditer(text):
        address = found[0].strip("\"'`( \n\t")
        if not address.startswith(_NAMESPACES):
            msg = f"a script names {address!r}, which it might fetch. Put data into a data block, libraries into pipeline/web/vendor."
            raise WebError(msg)


@cache
def embedded_text(address: str) -> str:
    """Content of a vendored or own script or style.

    Raises
    ------
    WebError
        The address is unknown, or the vendored file is not what the manifest says.
    """
    if address.startswith(OWN):
        path = _FOLDER / address.removeprefix(OWN)
        if path.parent != _FOLDER or not path.is_file():
            msg = f"{address} does not exist in pipeline/web"
            raise WebError(msg)
        return path.read_text(encoding="utf-8")
    name = address.removeprefix(VENDORED)
    known = {file: digest for package in manifest()["packages"] for file, digest in package["files"].items()}
    if not address.startswith(VENDORED) or name not in known:
        msg = (
            f"{address or 'an empty address'} is not vendored. Known are {', '.join(sorted(known))}. "
            "Add it to pipeline/web/vendor with licence and sha256."
        )
        raise WebError(msg)
    content = (_FOLDER / "vendor" / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != known[name]:
        msg = f"pipeline/web/vendor/{name} is not the file its manifest describes (sha256 differs). Restore it, or update version and sha256."
        raise WebError(msg)
    text = content.decode("utf-8").replace("\r\n", "\n")
    if name.endswith(".css"):
        return _with_images_inside(text, name)
    # A source map is not vendored; a browser with developer tools open would ask for it.
    return re.sub(r"\n?//# sourceMappingURL=\S*\s*$", "\n", text)


@cache
def manifest() -> dict[str, Any]:
    """What is vendored: packages with version, licence, and the sha256 of every file."""
    content: dict[str, Any] = json.loads((_FOLDER / "vendor" / "manifest.json").read_text(encoding="utf-8"))
    return content


def _with_images_inside(text: str, name: str) -> str:
    """Vendored style without addresses: rules for images the maps do not use lose them."""
    # Layer switch and pin images of Leaflet belong to controls we replace; VML is for Internet Explorer 8.
    emptied = re.sub(r"[\w-]+\s*:\s*url\((?!data:)[^)]*\)\s*;?", "", text)
    if re.search(r"url\((?!data:)", emptied):
        msg = f"pipeline/web/vendor/{name} still names images"
        raise WebError(msg)
    return emptied
