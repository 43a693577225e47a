"""Feed bytes to plain records: pure functions, no socket, no clock, no state.

port.py       ParsedFeed, ParsedItem, ParseOptions: what goes in and what comes out
feed.py       the way in: which kind of feed it is, quick path first, the reference where in doubt
encoding.py   bytes of any declared, undeclared or wrongly declared encoding -> UTF-8
quick.py      the quick path: feedparser-rs, and the guard that says when not to believe it
reference.py  the reference: feedparser, on bytes only
jsonfeed.py   JSON Feed 1 and 1.1
assemble.py   what either reader found -> ParsedItem: limits, titles, links, dates, text, language
html.py       hostile HTML -> safe HTML -> plain text
dates.py      dates of feeds as they are, in seven languages and two calendars (words in date_words.py)
language.py   which language a text is in
output.py     the lines of `heliograph parse` and `heliograph sanitize`
worker.py     the same behind a process boundary, for `runtime.sandbox`

Hostile input is the normal case here: everything that runs on a body from the network runs through `SandboxedParser`,
in a child process with a limit on CPU time and memory.
"""
