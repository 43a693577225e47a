"""Heliograph watches the news: feeds in, topics flagged and explained, searchable, alerted once a story.

Start with `compose.py`, where the whole pipeline stands on one screen, or with `docs/follow-one-article.md`, which
walks one article from a feed's bytes to an alert. Each room (`fetch`, `parse`, `eventlog`, `query`, `detect`,
`stories`, `index`, `alert`, `web`, `runtime`) opens with a tour in its own docstring; `core` holds what all of them
share. Imports point inwards: `core` <- `query` <- rooms <- `compose` <- `cli`.
"""

__version__ = "0.1.0"
