"""Labels of the truth that a job did not know, and what they may have been meant as."""

from producer.evaluation.unknown_labels import UnknownLabel, unknown_labels


def test_a_label_is_matched_with_the_one_that_is_written_most_like_it() -> None:
    found = unknown_labels(
        {"Account-Access", "biling", "bug", "weather"}, {"account_access", "billing", "bug"}
    )
    assert found == (
        UnknownLabel("Account-Access", "account_access"),
        UnknownLabel("biling", "billing"),
        UnknownLabel("weather", None),
    )


def test_where_nobody_knows_what_was_offered_no_label_is_unknown() -> None:
    assert unknown_labels({"a"}, frozenset()) == ()
