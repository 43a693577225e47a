"""Stories: copies of one text by any outlet are one story, so that one story makes one alert.

decide.py  what makes two articles copies, and the story of an article given what is known; pure
window.py  what is known: texts, articles and stories of the last 96 hours, in bounded memory
port.py    what the room needs of the log: the flagged events of the past
stage.py   matches -> flagged

Copies are exact for now: the same folded text. The window is rebuilt from the log, so the room stores nothing.
One instance runs at a time: copies carry different article ids, hence lie in different partitions of the log.
"""
