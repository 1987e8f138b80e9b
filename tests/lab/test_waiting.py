import pytest

from lab.waiting import WaitTimeoutError, wait_until


def test_the_first_truthy_answer_ends_the_wait() -> None:
    answers = iter([0, "", "up"])
    assert wait_until(lambda: next(answers), "the unit", 5.0) == "up"


def test_the_last_observation_is_in_the_message() -> None:
    with pytest.raises(WaitTimeoutError, match=r"waited 0 s for the unit.*last thing seen was: \[\]"):
        wait_until(list, "the unit", 0.0)


def test_tolerated_errors_are_observations_and_others_end_the_wait() -> None:
    def refuse() -> bool:
        raise ConnectionError("refused")

    with pytest.raises(AssertionError, match="ConnectionError: refused"):
        wait_until(refuse, "a login", 0.0, tolerate=(ConnectionError,))
    with pytest.raises(ConnectionError):
        wait_until(refuse, "a login", 60.0)
