"""English words that say how a sentence is built and not what it is about."""

from __future__ import annotations

_WORDS = """
a about above after again against all almost along already also although always am among an and another
any anybody anything are aren't as at away be became because become been before began behind being below
beside besides best better between beyond both but by came can can't cannot come could couldn't did
didn't do does doesn't doing don't done down during each either else enough even ever every everybody
everything far few first for from further gave get give given go going gone got had hadn't half has
hasn't have haven't having he he'd he'll her here hers herself him himself his how however i i'd i'll
i'm i've if in indeed instead into is isn't it it'll its itself just kept knew know known last least
left less let like little long longer made make many may me might mine more most mr mrs much must my
myself near neither never next no nobody none nor not nothing now of off often on once one only onto or
other others ought our ours ourselves out over own perhaps put quite rather really said same saw say
says see seem seemed seems seen several shall shan't she she'd she'll should shouldn't since so some
somebody something soon still such sure take taken tell than that the their theirs them themselves then
there therefore these they they'd they'll they're they've thing things think this those though thought
three through thus till to together told too took toward towards two under until up upon us used very
was wasn't way we we'd we'll we're we've well went were weren't what whatever when where whether which
while who whole whom whose why will with within without won't would wouldn't yes yet you you'd you'll
you're you've your yours yourself yourselves
"""

STOP_WORDS = frozenset(_WORDS.split())
