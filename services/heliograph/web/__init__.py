"""The web room: pages, the JSON API, the live list, feeds out, and the health of the process.

    port.py        what the pages need of their neighbours: small protocols and rows; compose.py adapts
    deps.py        WebDeps: all that the application is given, in one bundle
    decide.py      pure: a request's parameters -> what to ask; times such as now-7d; adding a filter to a query
    guard.py       pure rules for Host and Origin, and the middleware that applies them with the security headers
    highlight.py   pure: evidence offsets -> escaped HTML with marks, snippets cut at word boundaries
    present.py     pure: a document or a row -> what a page shows of it
    chart.py       pure: buckets -> the bars of an SVG, and the same in words
    shapes.py      the API's answers as structs; openapi.py describes these very structs
    ask.py         one search, histogram or facet question, as pages, API and feeds ask it
    api.py         /api/v1/*
    pages.py       / /articles/{id} /status; works without JavaScript
    desk.py        /topics /alerts /feeds and the forms on them
    live.py        LiveBus: documents from the index thread to many readers of server-sent events
    stream.py      /api/v1/stream
    out.py         /feed.rss /feed.atom /feed.json
    health.py      /livez /readyz /metrics, also without pages, and the recorder of the web's own requests
    openapi.py     /openapi.json, generated from shapes.py and a table of routes
    render.py      Jinja2, autoescaped and strict
    app.py         create_app(deps): all of it as one ASGI application
    server.py      WebServer: uvicorn in a thread, with a clean stop

Blocking work (index, templates) runs in Starlette's thread pool; the event loop only moves bytes. Pages carry no
inline script or style, so that the Content-Security-Policy of guard.py can forbid both. Article HTML, although it was
cleaned when it was parsed, is cleaned again on the way out, without images: a page makes no request off its origin.
"""
