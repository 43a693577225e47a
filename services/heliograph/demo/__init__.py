"""A small invented press of the region, served over HTTP on loopback, so that Heliograph can be seen at work offline.

Everything in it is made up: the outlets, the people, their quotes and the events; only places and routes are real.

    content.py    reads feeds/*.yaml and wire.yaml: outlets, their articles, what each should be flagged with
    spell.py      pure: the ways in which feeds of this region write dates, escape text and declare encodings
    render.py     pure: an outlet and the articles that have appeared -> the bytes of its RSS, RDF, Atom or JSON feed
    pages.py      pure: the two HTML pages of the server
    hostile.py    pure: feeds that are broken, or that attack their reader
    server.py     serves all of it; articles appear as time goes by; `start`, `DemoServer`
    __main__.py   `python -m heliograph.demo [--port N] [--write-sources FILE] [--announce]`

Start with `server.start`. A `DemoServer` has the `url`, the `sources` (in the format of `defaults/sources.yaml`), and
`advance`, by which a test moves the time of the demo world without sleeping.
"""
