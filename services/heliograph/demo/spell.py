"""How feeds of the region write dates, escape text and declare encodings: pure functions, no clock.

Every spelling here has been met in feeds in the wild; what a reader should make of them is the business of the parser.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from xml.sax.saxutils import escape

from heliograph.demo.content import DateStyle, Escaping, Outlet

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "az": "yanvar fevral mart aprel may iyun iyul avqust sentyabr oktyabr noyabr dekabr",
    "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
}
_ZONES = {"az": 240, "am": 240, "ge": 240, "ir": 210, "kz": 300, "ru": 180, "tr": 180, "nl": 60}
"""Minutes east of Greenwich, by country; summer time is left aside."""


def spell_date(style: DateStyle, moment: datetime, country: str) -> str:
    """Write `moment` as an outlet of `country` would.

    `wrong-zone` writes the local time and calls it UTC; every other style states the instant truthfully.
    """
    local = moment.astimezone(timezone(timedelta(minutes=_ZONES.get(country, 0))))
    clock, offset = f"{local:%H:%M:%S}", f"{local:%z}"
    if style == "iso":
        return local.isoformat(timespec="seconds")
    if style == "wrong-zone":
        return f"{local:%Y-%m-%dT%H:%M:%S}Z"
    if style == "rfc822":
        return f"{_DAYS[local.weekday()]}, {local.day:02} {_month('en', local)} {local.year} {clock} {offset}"
    if style == "rfc822-2digit":
        return f"{local.day} {_month('en', local)} {local.year % 100:02} {clock[:5]} {offset}"
    language = style.removesuffix("-months")
    comma = "" if language == "tr" else ","
    return f"{local.day} {_month(language, local)} {local.year}{comma} {clock} {offset}"


def _month(language: str, local: datetime) -> str:
    return _MONTHS[language].split()[local.month - 1]


def spell_title(escaping: Escaping, title: str) -> str:
    """Return the plain `title` as the inside of an XML element, by the outlet's habit."""
    if escaping == "cdata":
        return cdata(title)
    if escaping == "nested":
        return cdata(f"<![CDATA[{title}]]>")
    return escape(escape(title)) if escaping == "twice" else escape(title)


def spell_html(escaping: Escaping, html: str) -> str:
    """Return `html` as the inside of an XML element that holds HTML, by the outlet's habit."""
    if escaping in {"cdata", "nested"}:
        return cdata(html)
    return escape(escape(html)) if escaping == "twice" else escape(html)


def cdata(text: str) -> str:
    """Wrap `text` in CDATA; an end mark inside it is split over two sections (XML 1.0, 2.7)."""
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def xml_bytes(outlet: Outlet, document: str) -> bytes:
    """Put the outlet's XML declaration before `document` and encode both the way its server does.

    Characters that the encoding lacks become numeric references, which is well formed outside CDATA only.
    """
    declared = outlet.declared or outlet.encoding
    label = "" if declared == "none" else f' encoding="{declared}"'
    text = f'<?xml version="1.0"{label}?>\n{document}'
    encoded = text.encode(outlet.encoding, errors="xmlcharrefreplace")
    return b"\xef\xbb\xbf" + encoded if outlet.bom else encoded
