"""Numbers from seeds are even, and different wherever they should be."""

from engine.seeds import sample_seed, uniform


def test_numbers_are_even_and_within_bounds() -> None:
    numbers = [uniform(seed, position) for seed in range(40) for position in range(50)]
    assert all(0 <= number < 1 for number in numbers)
    tenths = [sum(int(number * 10) == tenth for number in numbers) for tenth in range(10)]
    assert all(140 < count < 260 for count in tenths)


def test_no_two_samples_of_neighbouring_seeds_share_a_seed() -> None:
    seeds = [sample_seed(seed, index) for seed in range(200) for index in range(20)]
    assert len(set(seeds)) == len(seeds)


def test_the_first_sample_is_the_single_requests() -> None:
    assert sample_seed(7, 0) == 7
