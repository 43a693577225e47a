"""Month names of the seven languages and of some neighbours, and the names of time zones that feeds use.

Names are looked up folded by `core.text.fold`, so case, diacritics and the two spellings of one letter do not matter; a
name that is missing is found by its first letters where only one month begins so (see `month_of`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from heliograph.core.text import fold

# A paragraph a language, twelve months each, forms parted by a slash: nominative, genitive, abbreviations.
_GREGORIAN: Final = """
january/jan february/feb march/mar april/apr may june/jun
july/jul august/aug september/sep/sept october/oct november/nov december/dec

январь/января/янв февраль/февраля/фев/февр март/марта/мар апрель/апреля/апр май/мая июнь/июня/июн
июль/июля/июл август/августа/авг сентябрь/сентября/сен/сент октябрь/октября/окт ноябрь/ноября/ноя/нояб
декабрь/декабря/дек

yanvar/yan fevral/fev mart/mar aprel/apr may iyun/iyn
iyul/iyl avqust/avq sentyabr/sen oktyabr/okt noyabr/noy dekabr/dek

ocak/oca şubat/şub mart/mar nisan/nis mayıs/may haziran/haz
temmuz/tem ağustos/ağu eylül/eyl ekim/eki kasım/kas aralık/ara

հունվար/հունվարի/հնվ/հուն փետրվար/փետրվարի/փտվ/փետ մարտ/մարտի/մրտ ապրիլ/ապրիլի/ապր մայիս/մայիսի/մյս
հունիս/հունիսի/հնս հուլիս/հուլիսի/հլս օգոստոս/օգոստոսի/օգս/օգոս սեպտեմբեր/սեպտեմբերի/սեպ/սեպտ
հոկտեմբեր/հոկտեմբերի/հոկ/հոկտ նոյեմբեր/նոյեմբերի/նոյ դեկտեմբեր/դեկտեմբերի/դեկ

ژانویه/جنوری فوریه/فبروری مارس/مارچ آوریل/اپریل مه/می ژوئن/جون
ژوئیه/جولای اوت/آگوست/اگست سپتامبر/سپتمبر اکتبر/اکتوبر نوامبر/نومبر دسامبر/دسمبر

იანვარი/იანვრის/იან თებერვალი/თებერვლის/თებ მარტი/მარტის/მარ აპრილი/აპრილის/აპრ მაისი/მაისის/მაი
ივნისი/ივნისის/ივნ ივლისი/ივლისის/ივლ აგვისტო/აგვისტოს/აგვ სექტემბერი/სექტემბრის/სექ/სექტ
ოქტომბერი/ოქტომბრის/ოქტ ნოემბერი/ნოემბრის/ნოე დეკემბერი/დეკემბრის/დეკ

січень/січня лютий/лютого березень/березня квітень/квітня травень/травня червень/червня
липень/липня серпень/серпня вересень/вересня жовтень/жовтня листопад/листопада грудень/грудня

januar/jänner februar märz/mär april mai juni juli august september oktober/okt november dezember/dez

janvier/janv février/févr/fév mars avril/avr mai juin
juillet/juil août septembre/sept octobre novembre/nov décembre/déc

enero/ene febrero marzo abril/abr mayo junio julio agosto/ago septiembre/setiembre octubre noviembre diciembre/dic

janeiro fevereiro/fev março abril maio/mai junho julho agosto setembro/set outubro/out novembro dezembro

gennaio/gen febbraio marzo aprile maggio/mag giugno/giu luglio/lug agosto settembre ottobre/ott novembre dicembre
"""
_SOLAR_HIJRI: Final = """
فروردین/حمل اردیبهشت/ثور خرداد/جوزا تیر/سرطان مرداد/امرداد/اسد شهریور/سنبله
مهر/میزان آبان/عقرب آذر/قوس دی/جدی بهمن/دلو اسفند/اسپند/حوت

farvardin ordibehesht khordad tir mordad shahrivar mehr aban azar dey bahman esfand
"""

ZONES: Final = {
    "ut": 0, "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "met": 60,
    "eet": 120, "eest": 180, "msk": 180, "msd": 240, "trt": 180, "azt": 240, "amt": 240, "get": 240, "irst": 210,
    "irdt": 270, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
    "jst": 540, "мск": 180,
}  # fmt: skip
"""Minutes east of UTC for the zone names of RFC 822 and of the region. A name that is missing is taken as UTC."""


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, int], dict[str, int]]:
    tables: list[dict[str, int]] = []
    for rows in (_GREGORIAN, _SOLAR_HIJRI):
        table: dict[str, int] = {}
        for row in rows.split("\n\n"):
            for number, forms in enumerate(row.split(), 1):
                table.update({fold(form).replace(" ", ""): number for form in forms.split("/")})
        tables.append(table)
    return tables[0], tables[1]


def month_of(word: str) -> tuple[int, bool]:
    """Return the month's number and whether it is of the Solar Hijri calendar; (0, False) for no month.

    A case ending may follow a name of four letters or more (`yanvarın`, `ապրիլին`).
    """
    folded = fold(word).replace(" ", "")
    gregorian, solar = _tables()
    if folded in gregorian:
        return gregorian[folded], False
    if folded in solar:
        return solar[folded], True
    for size in range(len(folded) - 1, 3, -1):
        if folded[:size] in gregorian:
            return gregorian[folded[:size]], False
    return 0, False
