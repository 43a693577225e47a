"""One spelling for each web address, so that one article has one id however it was linked.

Follows the syntax-based and scheme-based normalisation of RFC 3986, section 6.2, and then drops what publishers add
for statistics: tracking parameters, AMP variants and fragments. It never guesses across hosts, and it returns the
empty string for what is no web address at all.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

TRACKING_PREFIXES = ("utm_", "at_", "mtm_", "matomo_", "pk_", "hsa_", "vero_", "wt_mc", "xtor", "ns_")
_FROM_ADVERTISING = "fbclid gclid dclid gbraid wbraid yclid ysclid msclkid twclid ttclid igsh igshid cmpid cmp"
_FROM_STATISTICS = "mc_cid mc_eid mkt_tok _hsenc _hsmi _openstat _ga _gl smid smtyp ocid ncid scid spm ito wt.mc_id"
_FROM_CONSENT = "guccounter guce_referrer guce_referrer_sig"
_FROM_FEEDS = "ref_src ref_url rss rssid feature_rss from_rss source_rss partner_rss"
_FROM_AMP = "amp amp_js_v outputtype"
TRACKING_NAMES = frozenset(f"{_FROM_ADVERTISING} {_FROM_STATISTICS} {_FROM_CONSENT} {_FROM_FEEDS} {_FROM_AMP}".split())
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_AMP_PATH = re.compile(r"(?:/amp)+(?=/|$)|(?<=[^/])(?:\.amp)+(?=\.html?$|$)")
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_SPACES = re.compile(r"[\x00-\x20\x7f]+")
# What RFC 3986 lets stand in a path segment (pchar) besides letters and digits, and the slash itself.
_PATH_SAFE = "/:@!$&'()*+,;=-._~%"


@lru_cache(maxsize=1 << 14)
def canonical_url(url: str) -> str:
    """Return the one spelling of an http or https address, or "" for anything else.

    The scheme becomes https (outlets serve both), the host lower-case ASCII (IDNA) without `www.` and default port;
    dot segments, empty path segments at the end, tracking parameters, AMP variants and the fragment go; percent
    escapes are normalised. The order of query parameters stays, since some servers read it. Applying it twice changes
    nothing.
    """
    # Cached, because every poll of a feed brings the same addresses again.
    try:
        parts = urlsplit(_SPACES.sub("", url))
        port = parts.port
    except ValueError:
        return ""
    scheme = parts.scheme.lower()
    if scheme not in _DEFAULT_PORTS or not parts.hostname:
        return ""
    host = _canonical_host(parts.hostname)
    if not host:
        return ""
    if port is not None and port != _DEFAULT_PORTS[scheme]:
        host = f"{host}:{port}"
        # A server on a port of its own need not speak TLS there: keep the scheme as it is.
    else:
        scheme = "https"
    return urlunsplit((scheme, host, _canonical_path(parts.path), _canonical_query(parts.query), ""))


def names_an_item(url: str) -> bool:
    """Tell whether a canonical address can name one article: it has a path or a query, not only a host."""
    parts = urlsplit(url)
    return parts.path not in ("", "/") or bool(parts.query)


def _canonical_host(host: str) -> str:
    host = host.rstrip(".").lower()
    if ":" in host:
        return f"[{host}]"
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        return ""
    if not _HOST.fullmatch(host):
        return ""
    # `www.az` is a host of its own: keep a prefix without which fewer than two labels would be left.
    while host.startswith(("www.", "amp.")) and host.count(".") >= 2:
        host = host[4:]
    return host


def _canonical_path(path: str) -> str:
    segments: list[str] = []
    # Escapes first: `%2e%2e` is a dot segment too.
    for segment in _normal_escapes(path).split("/"):
        if segment == "..":
            if len(segments) > 1:
                segments.pop()
        elif segment != ".":
            segments.append(segment)
    path, before = "/".join(segments).rstrip("/"), ""
    while path != before:
        path, before = _AMP_PATH.sub("", path).rstrip("/"), path
    return path if path.startswith("/") or not path else f"/{path}"


def _canonical_query(query: str) -> str:
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return query
    kept = [(name, value) for name, value in pairs if not _is_tracking(name.lower())]
    return urlencode(kept)


def _is_tracking(name: str) -> bool:
    return name in TRACKING_NAMES or name.startswith(TRACKING_PREFIXES)


def _normal_escapes(path: str) -> str:
    """Escape what needs it, unescape what does not, and write escapes in upper case (RFC 3986, 6.2.2)."""
    decoded = _PERCENT.sub(_unescape_unreserved, path)
    return quote(decoded, safe=_PATH_SAFE, encoding="utf-8", errors="replace")


def _unescape_unreserved(found: re.Match[str]) -> str:
    char = unquote(found.group(), errors="replace")
    return char if re.fullmatch(r"[A-Za-z0-9\-._~]", char) else found.group().upper()
