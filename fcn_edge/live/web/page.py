"""The page's text: one HTML file with everything in it, and the small pages for what went wrong."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).with_name("page")
# In the order in which they stand in the page; each uses what stands before it.
_SCRIPTS = ("wire.js", "picture.js", "figures.js", "state.js", "link.js", "controls.js")
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")


@dataclass(frozen=True, slots=True)
class Page:
    """A page and the policy that allows exactly what stands in it.

    Attributes:
        html: The whole page.
        policy: Content-Security-Policy; ``{host}`` is replaced by :func:`policy_for`.
    """

    html: str
    policy: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What a small page says.

    Attributes:
        title: In a few words.
        text: What happened and what to do.
        ask_token: With a field for the token.
        refresh: Where the browser goes by itself, and after how many seconds.
    """

    title: str
    text: str
    ask_token: bool = False
    refresh: tuple[int, str] | None = None


@cache
def live_page(title: str) -> Page:
    """Make the page; *title* is the model's name."""
    style, script = _read("page.css"), "\n".join(_read(name) for name in _SCRIPTS)
    text = Template(_read("live.html")).substitute(title=html.escape(title), style=style, script=script)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data: blob:; "
        "connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(text, policy)


@cache
def notice_page(notice: Notice) -> Page:
    """Make a small page."""
    style = _read("page.css")
    form = _read("token.html") if notice.ask_token else ""
    refresh = ""
    if notice.refresh is not None:
        seconds, target = notice.refresh
        refresh = f'<meta http-equiv="refresh" content="{seconds};url={html.escape(target)}">'
    text = Template(_read("notice.html")).substitute(
        title=html.escape(notice.title), text=html.escape(notice.text), style=style, form=form, refresh=refresh
    )
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; img-src data:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )
    return Page(text, policy)


def policy_for(page: Page, host: str) -> str:
    """Give the policy of a page for the Host it was asked under; old Safari does not count WebSockets as 'self'."""
    named = f"ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return page.policy.replace("ws://{host} wss://{host}", named)


@cache
def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
