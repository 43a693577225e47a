"""Atoms of all topics in one table, and the cached step from a piece of published text to the atoms in it.

Ten thousand topics share a vocabulary: each distinct atom (a word, a prefix, a stem) stands here once, counted by the
topics that use it. An article is cut at white space, and every piece is looked up in a cache that already knows how
many tokens the piece has and which atoms each of them is: folding and tokenising happen once for a spelling, not once
for an article. White space is never inside a token (`core.text`), so the tokens of the pieces are the tokens of the
text, with the same positions.
"""

from __future__ import annotations

from heliograph.core.text import fold
from heliograph.query.morphology import LEXICON_LANGUAGES, stem_key
from heliograph.query.tree import Atom, Mode

CACHED_PIECES = 1 << 17
"""Spellings kept, at most (some 20 MB); past it the cache starts afresh."""

Entry = tuple[int, tuple[tuple[int, tuple[int, ...]], ...]]
"""Number of tokens in a piece, and for each token that is an atom: its offset in the piece, the atoms' numbers."""


class AtomTable:
    """The distinct atoms in use, numbered. Not thread-safe: one thread at a time."""

    def __init__(self) -> None:
        self._numbers: dict[Atom, int] = {}
        self._uses: dict[int, int] = {}
        self._next = 0
        self._exact: dict[str, int] = {}
        self._prefix: dict[str, int] = {}
        self._lengths: dict[int, int] = {}
        self._stems: dict[str, dict[str, int]] = {}
        self._plain: set[str] = set()
        self._entries: dict[str, Entry] = {}
        # Which spellings hold a token that begins with a letter, so that a new atom drops just what it may change:
        # emptying the whole cache takes some 20 ms, and everything is tokenised again after it.
        self._beginning: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    def take(self, atom: Atom) -> int:
        """Return the number of `atom`, counting one more use of it."""
        number = self._numbers.get(atom)
        if number is None:
            number = self._next
            self._next += 1
            self._numbers[atom] = number
            self._uses[number] = 0
            self._enter(atom, number)
        self._uses[number] += 1
        return number

    def release(self, atom: Atom) -> None:
        """Count one use of `atom` less; an atom without uses is forgotten."""
        number = self._numbers[atom]
        self._uses[number] -= 1
        if not self._uses[number]:
            del self._uses[number], self._numbers[atom]
            self._leave(atom)

    def entries(self, pieces: set[str]) -> dict[str, Entry]:
        """Return the entry of every piece of text without white space that is not just one token and no atom.

        Most pieces of an article are just that, and are left out by one set operation.
        """
        found = {}
        known, plain = self._entries, self._plain
        for piece in pieces - plain:
            entry = known.get(piece)
            if entry is None:
                entry = self._entry(piece)
                if entry == (1, ()):
                    plain.add(piece)
                    continue
                known[piece] = entry
            found[piece] = entry
        if len(plain) + len(known) > CACHED_PIECES:
            self._forget()
        return found

    def _entry(self, piece: str) -> Entry:
        tokens = fold(piece).split()
        for letter in {token[0] for token in tokens}:
            self._beginning.setdefault(letter, set()).add(piece)
        hits = ((offset, self._atoms_of(token)) for offset, token in enumerate(tokens))
        return len(tokens), tuple((offset, atoms) for offset, atoms in hits if atoms)

    def _forget(self) -> None:
        self._plain.clear()
        self._entries.clear()
        self._beginning.clear()

    def _forget_those_of(self, atom: Atom) -> None:
        """Drop what the cache says of spellings that may hold `atom`: those with a token that begins as it does."""
        if atom.mode is Mode.STEM and atom.language in LEXICON_LANGUAGES:
            self._forget()
            return
        for piece in self._beginning.pop(atom.text[0], ()):
            self._plain.discard(piece)
            self._entries.pop(piece, None)

    def _atoms_of(self, token: str) -> tuple[int, ...]:
        """Return the numbers of the atoms that the folded token is."""
        found = []
        number = self._exact.get(token)
        if number is not None:
            found.append(number)
        prefix, size = self._prefix, len(token)
        found += [prefix[token[:length]] for length in self._lengths if length <= size and token[:length] in prefix]
        for language, stems in self._stems.items():
            key = stem_key(token, language)
            if key is not None and (number := stems.get(key)) is not None:
                found.append(number)
        return tuple(found)

    def _enter(self, atom: Atom, number: int) -> None:
        if atom.mode is Mode.EXACT:
            self._exact[atom.text] = number
        elif atom.mode is Mode.PREFIX:
            self._prefix[atom.text] = number
            self._lengths[len(atom.text)] = self._lengths.get(len(atom.text), 0) + 1
        else:
            self._stems.setdefault(atom.language, {})[atom.text] = number
        self._forget_those_of(atom)

    def _leave(self, atom: Atom) -> None:
        if atom.mode is Mode.EXACT:
            del self._exact[atom.text]
        elif atom.mode is Mode.PREFIX:
            del self._prefix[atom.text]
            self._lengths[len(atom.text)] -= 1
            if not self._lengths[len(atom.text)]:
                del self._lengths[len(atom.text)]
        else:
            del self._stems[atom.language][atom.text]
            if not self._stems[atom.language]:
                del self._stems[atom.language]
        self._forget_those_of(atom)
