"""Shared nouns and laws: what an article is, how it travels, how text is compared, how things are named.

    article.py   Article, Match and its evidence, Story: the nouns that travel
    event.py     Envelope and its payloads; the names of the log's topics
    codec.py     envelope <-> bytes, with schema versions and upcasters
    text.py      one folding and one tokeniser, with offsets back into the text as published
    entities.py  character references left over in such text, `&nbsp;` or `&#8217;`, read as characters
    languages.py the codes of languages: shipped for, and told apart
    url.py       one spelling for each web address
    ids.py       every deterministic id, and why it is what it is

Nothing here has a clock or does I/O; the standard library and msgspec are all it imports.
"""
