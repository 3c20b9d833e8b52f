"""
Counts of a text: bytes, lines and words as ``wc`` has them, sentences, and terms.

Bytes and lines are plain: ``wc -c`` counts every byte and ``wc -l`` the newlines, so a last line without one
does not count. Words follow ``wc -w`` of GNU coreutils 9.1 under ``LC_ALL=C.UTF-8``, for any input:

* A word is a longest run of characters between separators that has at least one printable character.
* Separators are space, tab, newline, vertical tab, form feed, carriage return, and Unicode's spaces, the
  non-breaking ones among them. U+0085, U+2028 and U+2029 are none, for they are not printable.
* Control characters, unassigned code points and bytes that are no UTF-8 neither make a word nor end one.

Under ``LC_ALL=C`` the words of ASCII text are the same; beyond ASCII ``wc`` sees no letters there. A ``wc``
of another version may take what is not printable for a part of a word, which only binary files show.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from document_stats.stopwords import STOP_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

CHUNK = 1 << 20
LONGEST_TERM = 40
# A node's result may have 256 KB; the rest is room for the rows of a batch's files.
ROOM_FOR_TERMS = 200_000

_WORD = re.compile(r"[^\t-\r \u00a0\u1680\u2000-\u200a\u202f\u205f\u2060\u3000]+")
_NOT_PRINTABLE = frozenset({"Cc", "Cs", "Cn", "Zl", "Zp"})
_TERM = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# "Mr." and an initial end no sentence. The first lookbehind and the possessive ++ keep this linear on a
# megabyte of dots.
_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)(?<!\bEsq)(?<!\b[A-HJ-Z])"
    r"[.!?\u2026]++[\"'\u201d\u2019\u00bb)\]_]*+(?=\s|\Z)|[\u3002\uff01\uff1f]"
)


@dataclass
class Tally:
    """What was counted in one file."""

    bytes: int = 0
    lines: int = 0
    words: int = 0
    sentences: int = 0
    terms: Counter[str] = field(default_factory=Counter)


def count(file: BinaryIO) -> Tally:
    """
    The tally of a file, whatever it holds.

    It is read as UTF-8 in whole lines, about a megabyte of them at a time: neither a character nor a word
    crosses a newline, and memory stays small for texts of any size.
    """
    tally = Tally()
    for chunk in _chunks(file):
        # A byte that is no UTF-8 becomes a lone surrogate: a mark that no real character shares.
        text = chunk.decode("utf-8", errors="surrogateescape")
        tally.bytes += len(chunk)
        tally.lines += chunk.count(b"\n")
        tally.words += sum(1 for word in _WORD.findall(text) if _is_printable(word))
        tally.sentences += sum(1 for _ in _SENTENCE_END.finditer(text))
        tally.terms.update(_terms(text))
    return tally


def ranked(terms: Counter[str]) -> list[tuple[str, int]]:
    """Terms with their counts, the most frequent first, equal ones by the alphabet."""
    return sorted(terms.items(), key=lambda term: (-term[1], term[0]))


def most_frequent(terms: Counter[str], *, room: int = ROOM_FOR_TERMS) -> tuple[dict[str, int], int]:
    """
    As many of the most frequent terms as ``room`` bytes of JSON hold, and the count of the next one.

    That count is 0 if all fitted. Else no dropped term occurred more often, so what is added up over several
    batches is short by at most the sum of these counts.
    """
    kept: dict[str, int] = {}
    used = 0
    for term, number in ranked(terms):
        used += len(json.dumps(term)) + len(str(number)) + len(": , ")
        if used > room:
            return kept, number
        kept[term] = number
    return kept, 0


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while lines := file.readlines(CHUNK):
        yield b"".join(lines)


def _is_printable(word: str) -> bool:
    # str.isprintable is quick and asks it of every character; one is enough.
    return word.isprintable() or any(unicodedata.category(char) not in _NOT_PRINTABLE for char in word)


def _terms(text: str) -> dict[str, int]:
    """The words of letters in lower case, without a possessive 's, but for stop words and what is no word."""
    # Composed, so that an accent of its own does not cut a word in two.
    letters = unicodedata.normalize("NFC", text).lower().replace("\u2019", "'")
    counted = Counter(_TERM.findall(letters))
    terms: Counter[str] = Counter()
    for term, number in counted.items():
        terms[term.removesuffix("'s")] += number
    return {
        term: number
        for term, number in terms.items()
        if 1 < len(term) <= LONGEST_TERM and term not in STOP_WORDS
    }
