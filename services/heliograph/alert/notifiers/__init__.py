"""Notifiers: a kind of channel is one file here, found by its name, which is the channel's `type`.

stdout.py   one line of text for each alert, for trials and pipes
webhook.py  Standard Webhooks 1.0.0

Such a file holds:
    its docstring   the documentation: what it is for, then each option
    Options         a frozen msgspec Struct: the keys of a [[channels]] table besides `name` and `type`;
                    what must not be shown is a `Secret`
    EXAMPLE         such a table, complete and valid
    STOPS           status codes of an answer after which the endpoint is off; empty where it does not speak HTTP
    create(channel, options, tools) -> Notifier
                    raises SettingsError naming the key; opens nothing

`tests/contract/test_notifiers.py` holds every file here to this.
"""
