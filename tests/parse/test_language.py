from __future__ import annotations

import pytest

from heliograph.parse.language import detect_language, primary_subtag

SENTENCES = {
    "en": [
        "The two governments signed a transport agreement in the capital on Tuesday.",
        "Freight traffic through the pass has doubled since the spring.",
        "Officials said the railway would be open by the end of the year.",
        "A delegation from the ministry visited the border crossing.",
        "The corridor would shorten the route between the two seas.",
        "Investors are waiting for the terms of the contract.",
        "No comment was available from the embassy.",
        "Prices of wheat and oil rose again this week.",
        "Engineers have finished the survey of the southern section.",
        "Lawmakers will vote on the treaty next month.",
    ],
    "ru": [
        "Стороны подписали соглашение о перевозках во вторник в столице.",
        "Грузопоток через перевал с весны вырос вдвое.",
        "Железная дорога откроется до конца года, сообщили в ведомстве.",
        "Делегация министерства посетила пограничный пункт.",
        "Коридор сократит путь между двумя морями.",
        "Инвесторы ждут условий контракта.",
        "В посольстве отказались от комментариев.",
        "Цены на пшеницу и нефть снова выросли.",
        "Инженеры завершили изыскания на южном участке.",
        "Депутаты проголосуют за договор в следующем месяце.",
    ],
    "az": [
        "Tərəflər çərşənbə axşamı paytaxtda nəqliyyat sazişi imzaladılar.",
        "Yazdan bəri aşırımdan keçən yüklərin həcmi iki dəfə artıb.",
        "Dəmir yolu ilin sonuna qədər açılacaq, nazirlikdən bildirilib.",
        "Nazirliyin nümayəndə heyəti sərhəd məntəqəsinə baş çəkib.",
        "Dəhliz iki dəniz arasındakı yolu qısaldacaq.",
        "İnvestorlar müqavilənin şərtlərini gözləyirlər.",
        "Səfirlik məsələ ilə bağlı şərh verməyib.",
        "Buğda və neftin qiyməti bu həftə yenidən qalxıb.",
        "Mühəndislər cənub hissəsində tədqiqatları başa çatdırıblar.",
        "Deputatlar müqaviləyə gələn ay səs verəcəklər.",
    ],
    "tr": [
        "Taraflar salı günü başkentte bir ulaştırma anlaşması imzaladı.",
        "Geçitten geçen yük miktarı bahardan bu yana iki katına çıktı.",
        "Demiryolu yıl sonuna kadar açılacak, dedi yetkililer.",
        "Bakanlık heyeti sınır kapısını ziyaret etti.",
        "Koridor iki deniz arasındaki yolu kısaltacak.",
        "Yatırımcılar sözleşmenin şartlarını bekliyor.",
        "Büyükelçilik konuyla ilgili yorum yapmadı.",
        "Buğday ve petrol fiyatları bu hafta yeniden yükseldi.",
        "Mühendisler güney kesimindeki etütleri tamamladı.",
        "Milletvekilleri antlaşmayı gelecek ay oylayacak.",
    ],
    "hy": [
        "Կողմերը երեքշաբթի օրը մայրաքաղաքում ստորագրեցին համաձայնագիր։",
        "Լեռնանցքով բեռնափոխադրումները գարնանից կրկնապատկվել են։",
        "Երկաթուղին կբացվի մինչև տարեվերջ։",
        "Նախարարության պատվիրակությունն այցելեց սահմանային անցակետ։",
        "Միջանցքը կկրճատի երկու ծովերի միջև ճանապարհը։",
        "Ներդրողները սպասում են պայմանագրի պայմաններին։",
        "Դեսպանատունը չմեկնաբանեց հարցը։",
        "Ցորենի և նավթի գները կրկին աճեցին։",
        "Ինժեներներն ավարտեցին հարավային հատվածի ուսումնասիրությունը։",
        "Պատգամավորները կքվեարկեն հաջորդ ամիս։",
    ],
    "fa": [
        "دو طرف روز سه‌شنبه در پایتخت توافقنامه حمل و نقل امضا کردند.",
        "حجم بار عبوری از گردنه از بهار تاکنون دو برابر شده است.",
        "راه‌آهن تا پایان سال افتتاح می‌شود.",
        "هیئت وزارتخانه از گذرگاه مرزی بازدید کرد.",
        "این کریدور مسیر میان دو دریا را کوتاه می‌کند.",
        "سرمایه‌گذاران منتظر شرایط قرارداد هستند.",
        "سفارت در این باره اظهار نظر نکرد.",
        "قیمت گندم و نفت این هفته دوباره بالا رفت.",
        "مهندسان بررسی بخش جنوبی را به پایان رساندند.",
        "نمایندگان ماه آینده درباره پیمان رأی می‌دهند.",
    ],
    "ka": [
        "მხარეებმა სამშაბათს დედაქალაქში შეთანხმებას მოაწერეს ხელი.",
        "უღელტეხილზე ტვირთბრუნვა გაზაფხულიდან გაორმაგდა.",
        "რკინიგზა წლის ბოლომდე გაიხსნება.",
        "სამინისტროს დელეგაცია სასაზღვრო პუნქტს ეწვია.",
        "დერეფანი ორ ზღვას შორის გზას შეამოკლებს.",
        "ინვესტორები ხელშეკრულების პირობებს ელოდებიან.",
        "საელჩომ კომენტარი არ გააკეთა.",
        "ხორბლისა და ნავთობის ფასი ისევ გაიზარდა.",
        "ინჟინრებმა სამხრეთ მონაკვეთის კვლევა დაასრულეს.",
        "დეპუტატები ხელშეკრულებას მომავალ თვეში უყრიან კენჭს.",
    ],
}
CASES = [(language, sentence) for language, sentences in SENTENCES.items() for sentence in sentences]


@pytest.mark.parametrize(("language", "sentence"), CASES)
def test_a_sentence_is_told_without_a_hint(language: str, sentence: str) -> None:
    assert detect_language(sentence) == language


@pytest.mark.parametrize("hint", ["en-US", "ru", "tr", "az-AZ", "fa-IR", "hy", "ka-GE"])
def test_a_wrong_hint_turns_no_sentence_into_a_language_of_another_script(hint: str) -> None:
    told = [(detect_language(sentence, hint), language) for language, sentence in CASES]
    right = sum(1 for answer, language in told if answer == language)
    # A short sentence between two languages of one script may follow the hint.
    assert right >= 0.97 * len(told)
    for answer, language in told:
        if language in ("hy", "ka", "fa", "ru"):
            assert answer == language


@pytest.mark.parametrize(
    ("text", "hint", "language"),
    [
        ("Zəngəzur", "tr", "az"),
        ("Tehran", "az", "az"),
        ("Nazir yeni yolun acilisi haqqinda danisdi", "", "az"),
        ("TRIPP", "en-GB", "en"),
        ("Сюник", "ru-RU", "ru"),
        ("Тегеран", "en", "ru"),
        ("تهران", "fa", "fa"),
        ("", "ru", "ru"),
        ("", "", ""),
        ("2026: 15%", "hy", "hy"),
        ("12345", "", ""),
        ("https://example.org/a", "ka", "ka"),
    ],
)
def test_a_short_text_follows_its_script_and_then_the_hint(text: str, hint: str, language: str) -> None:
    assert detect_language(text, hint) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Кабінет міністрів затвердив угоду про транспортний коридор із сусідньою країною.", "uk"),
        ("Правителството одобри споразумението за транспортния коридор със съседната държава.", "bg"),
        ("وقعت الحكومتان اتفاقية للنقل في العاصمة يوم الثلاثاء بحضور الوزراء.", "ar"),
        ("Le gouvernement a signé mardi un accord sur le transport avec le pays voisin.", "fr"),
        ("Die Regierung hat am Dienstag ein Abkommen über den Verkehr unterzeichnet.", "de"),
        ("Үкімет көрші елмен көлік дәлізі туралы келісімге қол қойды.", "kk"),
    ],
)
def test_a_neighbour_is_not_taken_for_one_of_the_seven(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    ("tag", "subtag"),
    [
        ("en-US", "en"),
        ("ru_RU", "ru"),
        (" AZ ", "az"),
        ("aze", "az"),
        ("kat-GE", "ka"),
        ("english", ""),
        ("", ""),
        ("x", ""),
    ],
)
def test_a_declared_language_is_reduced_to_its_primary_subtag(tag: str, subtag: str) -> None:
    assert primary_subtag(tag) == subtag
