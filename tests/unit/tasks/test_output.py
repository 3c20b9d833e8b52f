import tracemalloc
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from pypeline.tasks.attempts.output import Output, shortened, storable


def test_a_little_text_is_kept_whole():
    output = Output()
    output.write("one\n")
    output.write("zwölf\n")

    assert output.text() == "one\nzwölf\n"


def test_of_much_text_the_first_and_the_last_part_are_kept():
    output = Output()
    output.write("a" * 32 * 1024)
    output.write("b" * 1000)
    output.write("c" * 32 * 1024)

    assert output.text() == "a" * 32 * 1024 + "\n… 1,000 bytes left out …\n" + "c" * 32 * 1024


def test_a_hundred_megabytes_do_not_grow_memory():
    output, megabyte = Output(), "x" * 1024 * 1024
    tracemalloc.start()
    for _ in range(100):
        output.write(megabyte)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 1024 * 1024
    assert f"… {100 * 1024 * 1024 - 64 * 1024:,} bytes left out …" in output.text()


def test_a_single_huge_text_is_not_copied_whole():
    output, huge = Output(), "ü" * 20_000_000
    tracemalloc.start()
    output.write(huge)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 2 * 1024 * 1024


@given(pieces=st.lists(st.text(max_size=30), max_size=20), head=st.integers(1, 20), tail=st.integers(1, 20))
def test_what_is_kept_is_the_beginning_and_the_end_of_what_was_written(pieces, head, tail):
    output = Output(head=head, tail=tail)
    for piece in pieces:
        output.write(piece)
    whole = "".join(map(storable, pieces))

    kept = output.text()

    if len(whole.encode()) <= head + tail:
        assert kept == whole
    else:
        first, _, rest = kept.rpartition("\n… ")
        count, _, last = rest.partition(" bytes left out …\n")
        assert whole.startswith(first)
        assert whole.endswith(last)
        assert int(count.replace(",", "")) == len(whole.encode()) - len(first.encode()) - len(last.encode())


def test_a_cut_through_a_character_leaves_out_its_remains():
    output = Output(head=3, tail=3)
    output.write("üüüüüü")

    assert output.text() == "ü\n… 8 bytes left out …\nü"


def test_a_line_ends_the_line_that_was_begun():
    output = Output()
    output.write_line("first")
    output.write("half")
    output.write_line("second")

    assert output.text() == "first\nhalf\nsecond\n"


def test_a_line_is_seen_to_be_begun_beyond_the_head_too():
    output = Output(head=2, tail=100)
    output.write("begun")
    output.write_line("line")

    assert output.text() == "begun\nline\n"


def test_several_threads_may_write():
    output = Output(head=10, tail=10)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(output.write, ["x" * 7] * 1000))

    assert "… 6,980 bytes left out …" in output.text()


def test_what_databases_refuse_is_spelt_out():
    assert storable("a\0b\udce9ü") == "a\\x00b\\udce9ü"


def test_a_text_is_shortened_in_its_middle():
    assert shortened("a" * 50 + "b" * 50, limit=20) == "a" * 10 + "\n… 80 bytes left out …\n" + "b" * 10
    assert shortened("short", limit=20) == "short"
