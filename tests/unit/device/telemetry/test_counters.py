"""The counters of several processes, as those of one."""

from device.telemetry.counters import Count, Counters, summed


def test_counters_of_processes_add_up_in_the_list_s_order() -> None:
    """Conditions that one alone has met stand at the end; what nobody has counted is 0."""
    one, other = Counters(), Counters()
    one.add(Count.EMAIL_PROCESSED, 2)
    other.add(Count.EMAIL_PROCESSED)
    other.add_by_condition(Count.EMAIL_FALLBACK_BLOCKED, "verdict-timeout")
    total = summed([one.snapshot(), other.snapshot()])
    assert total["email-processed"] == 3
    assert total["email-scanned"] == 0
    assert list(total)[:-1] == [each.value for each in Count]
    assert list(total.items())[-1] == ("email-fallback-blocked-verdict-timeout", 1)
