import json
from datetime import UTC, datetime

import pytest

from pypeline.results import Reference, ResultStore, is_reference
from pypeline.runs.outcome import Failed, Postponed, Succeeded
from pypeline.store.records import NODE, AttemptRef, Claim
from pypeline.tasks.attempts import encoding
from pypeline.tasks.attempts.capture import Capture
from pypeline.tasks.attempts.execution import execute
from pypeline.tasks.attempts.keeping import Keeper
from pypeline.tasks.attempts.results import StoredResults

LARGE = "x" * 2000
"""Over the limit of these calls, which is 1,000 bytes."""


class StoreOfTexts:
    """What the database holds, by position."""

    def __init__(self):
        self.whole = {}
        self.parts = {}

    def result(self, run_id, position):
        return self.whole.get(position)

    def element_count(self, run_id, position):
        return len(self.parts[position]) if position in self.parts else None

    def elements(self, run_id, position, start=0, stop=None):
        return iter(self.parts[position][start:stop])


@pytest.fixture
def large(tmp_path):
    return ResultStore(str(tmp_path / "large"), patience=0)


@pytest.fixture
def database():
    return StoreOfTexts()


def claim_of(item=NODE, attempt=2, token="token"):
    return Claim(AttemptRef("r1", 4, item, attempt), token, 0, datetime.now(UTC))


@pytest.fixture
def attempt(make_call, large, database):
    """Executes a function whose large results are kept, as position 4 of run r1."""

    def attempt(function, claim=None, **call):
        options = {"keep": Keeper(large, claim or claim_of()), "reader": StoredResults(database, "r1", large)}
        with Capture():
            return execute(make_call(function, **options | call))

    return attempt


def test_a_result_over_the_limit_is_kept_and_its_reference_recorded(attempt, large):
    outcome = attempt(lambda event: [LARGE])

    assert is_reference(outcome.result)
    reference = Reference.of(outcome.result)
    assert reference == Reference(2004, "r1/4.2-token.json")
    assert json.loads(large.get(reference)) == [LARGE]


def test_a_result_of_the_limit_itself_stays_in_the_database(attempt, large):
    assert attempt(lambda event: "x" * 998) == Succeeded(json.dumps("x" * 998))
    assert large.folders() is None


def test_an_item_and_each_later_attempt_have_keys_of_their_own(attempt):
    keys = {
        Reference.of(attempt(lambda event: LARGE, claim=claim).result).key
        for claim in (claim_of(), claim_of(item=3), claim_of(attempt=3), claim_of(token="zombie"))
    }

    assert keys == {
        "r1/4.2-token.json",
        "r1/4-3.2-token.json",
        "r1/4.3-token.json",
        "r1/4.2-zombie.json",
    }


def test_of_a_list_that_is_mapped_over_only_large_elements_are_kept(attempt, large):
    outcome = attempt(lambda event: [1, LARGE, "two"], mapped_by=("each",))

    assert outcome.elements[0::2] == ("1", '"two"')
    assert Reference.of(outcome.elements[1]) == Reference(2002, "r1/4.2-token.1.json")
    assert json.loads(large.get(Reference.of(outcome.elements[1]))) == LARGE


def test_a_handler_gets_a_large_result_as_any_other(attempt, database, large):
    database.whole[0] = large.put("r1/0.json", json.dumps({"text": LARGE})).text

    outcome = attempt(
        lambda event, clean: len(clean["text"]) + len(event.upstream["clean"]["text"]),
        predecessors={"clean": 0},
    )

    assert outcome == Succeeded("4000")


def test_large_elements_stream_beside_small_ones(attempt, database, large):
    database.parts[0] = ["1", large.put("r1/0.1.json", json.dumps(LARGE)).text, None]

    outcome = attempt(
        lambda event, count: [count[0], len(count[1]), list(count)[2]], predecessors={"count": 0}
    )

    assert outcome == Succeeded("[1, 2000, null]")


def test_an_item_may_be_a_large_element(attempt, database, large):
    database.parts[0] = ["1", large.put("r1/0.1.json", json.dumps(LARGE)).text]

    assert attempt(lambda event: len(event["item"]), for_each=0, item=1) == Succeeded("2000")


def test_a_large_result_that_is_gone_fails_the_attempt_with_the_reason(attempt, database, large):
    database.whole[0] = large.put("r1/0.json", "[1]").text
    large.put("r2/0.json", "1")
    large.remove("r1")

    outcome = attempt(lambda event, clean: 1, predecessors={"clean": 0})

    assert isinstance(outcome, Failed)
    assert outcome.error.type == "ResultGone"
    assert "r1/0.json: it is no longer there" in outcome.error.message


def test_a_store_that_is_away_postpones_the_attempt_whose_input_it_has(attempt, database):
    database.whole[0] = Reference(10, "r1/0.json").text

    outcome = attempt(lambda event, clean: 1, predecessors={"clean": 0})

    assert isinstance(outcome, Postponed)
    assert "its input could not be read: result store, r1/0.json" in outcome.reason


def test_a_store_that_takes_nothing_fails_the_attempt_with_the_reason(attempt, tmp_path):
    (tmp_path / "large").write_text("a file where a folder should be")

    outcome = attempt(lambda event: LARGE)

    assert isinstance(outcome, Failed)
    assert not outcome.final
    assert outcome.error.type == "ResultNotKept"
    assert "PYPELINE_RESULT_STORE" in outcome.error.message


def test_without_a_store_the_failure_says_what_to_set(attempt):
    outcome = attempt(lambda event: LARGE, keep=None)

    assert outcome.error.type == "ResultTooLarge"
    assert "Set PYPELINE_RESULT_STORE to a folder or URL" in outcome.error.message


def test_a_result_beyond_all_bounds_is_refused_by_a_store_too(attempt, monkeypatch):
    monkeypatch.setattr(encoding, "MOST_KEPT", 1500)

    outcome = attempt(lambda event: LARGE)

    assert outcome.error.type == "ResultTooLarge"
    assert "the limit is 1,500. Store the data elsewhere" in outcome.error.message
